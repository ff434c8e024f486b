// A virtual instrument put together: device, wire with accidents, USB pipe or UART, pty. Moves along in steps
// of one USB frame of simulated time up to the present, so that a late process makes no loss of its own.

import { rmSync, symlinkSync } from "node:fs";
import { type Random, random } from "../../stats/random.ts";
import { type Fault, Wire } from "./faults.ts";
import type { Instrument, Send } from "./instrument.ts";
import type { Pty } from "./pty.ts";
import { FRAME_PERIOD_NS, UsbPipe } from "./usb-pipe.ts";

export interface VirtualDaqOptions {
  /** CLOCK_MONOTONIC at the truth's zero, ns. */
  readonly epoch: bigint;
  readonly seed: number;
  readonly bufferBytes: number;
  readonly flatOut: boolean;
  readonly faults: readonly Fault[];
  /** Symbolic link to the pty, kept over an unplugging. */
  readonly link: string | null;
}

/** A step later than this has kept the host waiting. */
const PUNCTUAL_NS = 3e6;
const PATIENCE_NS = 3e9;
/** Rates that a UART here can have, and how termios may put them (asm-generic/termbits.h). */
const TERMIOS_SPEED: Readonly<Record<number, number>> = {
  115200: 0o10002,
  230400: 0o10003,
  460800: 0o10004,
  921600: 0o10007,
  1500000: 0o10012,
  2000000: 0o10013,
};
/** A pty's rate until somebody opens it and sets another, 38,400: a UART then talks to nobody. */
const UNSET_SPEED: readonly number[] = [0o17, 38400];
/** Start bit, eight data bits, stop bit. */
const UART_BITS = 10;

/** The device, its line and its accidents, moved along in steps of one USB frame. */
export class VirtualDaq {
  readonly #open: () => Pty;
  readonly #options: VirtualDaqOptions;
  readonly #pipe: UsbPipe;
  readonly #wire: Wire;
  readonly #device: Instrument;
  readonly #noise: Random;
  readonly #faults: Fault[];
  readonly #input = new Uint8Array(4096);
  #pty: Pty | null = null;
  #nowNs: number;
  #startedNs: number | null = null;
  #backNs = 0;

  constructor(
    open: () => Pty,
    options: VirtualDaqOptions,
    build: (send: Send, pipe: UsbPipe) => Instrument,
  ) {
    this.#open = open;
    this.#options = options;
    this.#nowNs = this.#clockNs();
    this.#faults = [...options.faults].sort((a, b) => a.atNs - b.atNs);
    this.#pty = open();
    this.#pipe = new UsbPipe(this.#pty, options.bufferBytes);
    this.#wire = new Wire((bytes) => this.#pipe.put(bytes), options.seed);
    this.#noise = random(options.seed, "wrong baud rate");
    this.#device = build(
      (frame) => this.#wire.frame(this.#understood() ? frame : this.#noiseLike(frame)),
      this.#pipe,
    );
    this.#link();
  }

  get path(): string {
    return this.#options.link ?? this.#pty!.path;
  }

  /** What really happened, for tests to hold the host's account against. */
  account(): object {
    const { stalls, longestStallNs } = this.#pipe;
    return { ...this.#device.account(), stalls, longestStallNs, faults: this.#wire.counts };
  }

  /** Moves along to the present, one USB frame at a time, then waits for bytes or the next frame. */
  step(): void {
    if (this.#options.flatOut) this.#flatOut();
    else this.#realTime();
    this.#take();
  }

  close(): void {
    this.#device.close();
    this.#unplug();
  }

  #realTime(): void {
    const target = this.#clockNs();
    let lateNs = target - this.#nowNs - PUNCTUAL_NS;
    if (lateNs > PATIENCE_NS) lateNs = 0; // a host too slow for the rate is no fault of ours
    while (this.#nowNs + FRAME_PERIOD_NS <= target) {
      if (this.#pipe.blocked && lateNs > 0 && !this.#giveTime(lateNs)) lateNs = 0;
      this.#nowNs += FRAME_PERIOD_NS;
      this.#accidents();
      this.#device.advance(this.#nowNs);
      this.#uart();
      this.#pipe.frame(this.#nowNs);
    }
    const restMs = Math.max(1, Math.ceil((this.#nowNs + FRAME_PERIOD_NS - this.#clockNs()) / 1e6));
    if (this.#pty) this.#pty.wait(false, restMs);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, restMs);
  }

  /**
   * This process was late, so the host could not take in time what was not there: as long as it takes
   * anything it gets the time now, or a busy machine would make the device drop what a real one sends.
   * @returns whether the host took something within the time it was kept waiting.
   */
  #giveTime(lateNs: number): boolean {
    return this.#pty?.room(Math.ceil(lateNs / 1e6)) ?? false;
  }

  /** Blocks for as long as the line takes them; then it waits for room. */
  #flatOut(): void {
    const room = this.#options.bufferBytes / 2;
    for (let turn = 0; turn < 64; turn++) {
      while (this.#device.running && this.#pipe.waiting < room) this.#device.block();
      if (this.#pipe.drain(Infinity) === 0) break;
    }
    this.#pty!.wait(this.#pipe.waiting > 0, this.#device.running ? 10 : 50);
  }

  #clockNs(): number {
    return Number(process.hrtime.bigint() - this.#options.epoch);
  }

  #take(): void {
    const n = this.#pty?.read(this.#input) ?? 0;
    if (n === 0) return;
    const bytes = this.#input.subarray(0, n);
    this.#device.take(this.#understood() ? bytes : this.#noiseLike(bytes), this.#clockNs());
  }

  /** A UART has its rate, and does not wait until somebody listens. */
  #uart(): void {
    const { baud } = this.#device;
    if (baud === null || this.#pty === null) return;
    this.#pipe.frameBytes = Math.ceil(baud / UART_BITS / 1e3);
    if (UNSET_SPEED.includes(this.#pty.speed())) this.#pipe.clear();
  }

  /** Whether both ends of a UART run at the same rate; USB has none. */
  #understood(): boolean {
    const { baud } = this.#device;
    if (baud === null || this.#pty === null) return true;
    const speed = this.#pty.speed();
    return speed === baud || speed === TERMIOS_SPEED[baud];
  }

  #noiseLike(bytes: Uint8Array): Uint8Array {
    return bytes.map(() => this.#noise.integer(256));
  }

  #accidents(): void {
    if (this.#pty === null && this.#nowNs >= this.#backNs) this.#plug();
    if (this.#device.running && this.#understood()) this.#startedNs ??= this.#nowNs;
    if (this.#startedNs === null) return;
    const sinceNs = this.#nowNs - this.#startedNs;
    while (this.#faults.length > 0 && this.#faults[0]!.atNs <= sinceNs)
      this.#happen(this.#faults.shift()!);
  }

  #happen({ kind, amount }: Fault): void {
    switch (kind) {
      case "stall":
        this.#pipe.stalledUntilNs = this.#nowNs + amount * 1e6;
        this.#wire.counts.stall++;
        return;
      case "unplug":
        this.#wire.counts.unplug++;
        this.#unplug();
        this.#backNs = this.#nowNs + amount * 1e6;
        return;
      case "restart":
        this.#wire.counts.restart++;
        this.#device.reset(this.#nowNs);
        this.#pipe.clear();
        return;
      case "garbage":
      case "flip":
      case "lose":
      case "drop":
      case "duplicate":
      case "swap":
        this.#wire.schedule(kind, amount);
    }
  }

  #unplug(): void {
    if (this.#options.link) rmSync(this.#options.link, { force: true });
    this.#pty?.close();
    this.#pipe.pty = this.#pty = null;
    this.#pipe.clear();
    this.#device.reset(this.#nowNs);
  }

  #plug(): void {
    this.#pipe.pty = this.#pty = this.#open();
    this.#link();
  }

  #link(): void {
    const { link } = this.#options;
    if (!link) return;
    rmSync(link, { force: true });
    symlinkSync(this.#pty!.path, link);
  }
}
