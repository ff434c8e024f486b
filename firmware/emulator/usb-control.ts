// Endpoint 0 of the emulated USB host: control transfers, one after the other, step by step over the bus. In:
// transfers (usb-enumeration.ts). Out: what each did to the device, and what the device did wrong.

import type { RP2040 } from "rp2040js";
import { type Alarm, clockOf, type UsbInternals, usbOf } from "./internals.ts";
import { AVAILABLE, DATA1, FULL, LENGTH, STALL, type UsbBuffers } from "./usb-buffers.ts";
import type { UsbBus } from "./usb-bus.ts";
import type { ControlStep, ControlTransfer } from "./usb-enumeration.ts";

const SETUP_RECEIVED = 1 << 17;
const RESET_NS = 10e6;
/** A request that nobody answers is given up after so many tries. */
const [TRIES, RETRY_NS] = [5, 5e6];
const [IN_CTRL, OUT_CTRL, DATA] = [0x80, 0x84, 0x100];

/** What the rest of the host does for a transfer. */
export interface Line {
  /** Whether the controller listens to requests. */
  isHeard(): boolean;
  reset(): void;
  resetEnds(): void;
  /** The device does not answer. */
  givenUp(): void;
}

/** A transfer under way, and its step that the bus is at. */
interface UnderWay {
  readonly transfer: ControlTransfer;
  readonly then: (() => void) | undefined;
  readonly step: ControlStep;
}

export class ControlPipe {
  readonly alarm: Alarm;
  readonly #mcu: RP2040;
  readonly #usb: UsbInternals;
  readonly #buffers: UsbBuffers;
  readonly #bus: UsbBus;
  readonly #line: Line;
  readonly #errors: string[];
  #waiting: Omit<UnderWay, "step">[] = [];
  #current: UnderWay | null = null;
  #tries = 0;

  constructor(mcu: RP2040, buffers: UsbBuffers, bus: UsbBus, line: Line & { errors: string[] }) {
    this.#mcu = mcu;
    this.#usb = usbOf(mcu);
    this.#buffers = buffers;
    this.#bus = bus;
    this.#line = line;
    this.#errors = line.errors;
    this.alarm = clockOf(mcu).createAlarm(() => this.#due());
  }

  /** @param then when it is over, whatever came of it. */
  start(transfer: ControlTransfer, then?: () => void): void {
    this.#waiting.push({ transfer, then });
    if (this.#current === null) this.#next();
  }

  /** Unplugged: what was under way never ends. */
  drop(): void {
    this.#waiting = [];
    this.#current = null;
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next) this.#advance(next, null);
  }

  #advance(of: Omit<UnderWay, "step">, result: Uint8Array | "stall" | null): void {
    const { value, done } = of.transfer.next(result);
    if (done) {
      this.#current = null;
      if (value) this.#errors.push(value);
      of.then?.();
      if (this.#current === null) this.#next();
      return;
    }
    this.#current = { ...of, step: value };
    this.#try(value);
  }

  #try(step: ControlStep): void {
    switch (step.kind) {
      case "wait":
        return this.alarm.schedule(step.ns);
      case "reset":
        this.#line.reset();
        return this.alarm.schedule(RESET_NS);
      case "setup":
        return this.alarm.schedule(this.#bus.slot(8));
      case "in":
      case "out":
        return this.#whenReady(step);
    }
  }

  #whenReady(step: ControlStep & { kind: "in" | "out" }): void {
    const offset = step.kind === "in" ? IN_CTRL : OUT_CTRL;
    const ctrl = this.#buffers.control(offset);
    const armed = this.#usb.epStallArm & (step.kind === "in" ? 1 : 2);
    if (ctrl & STALL && armed) return this.alarm.schedule(this.#bus.slot(0));
    if (ctrl & AVAILABLE) return this.alarm.schedule(this.#bus.slot(64));
    this.#buffers.whenWritten(offset, () => this.#try(step));
  }

  #due(): void {
    const current = this.#current;
    if (!current) return;
    const { step } = current;
    switch (step.kind) {
      case "reset":
        this.#line.resetEnds();
        return this.#advance(current, null);
      case "wait":
        return this.#advance(current, null);
      case "setup":
        if (!this.#line.isHeard()) return this.#unanswered();
        this.#tries = 0;
        this.#usb.epStallArm = 0; // the controller's own doing
        this.#mcu.usbDPRAM.set(step.bytes);
        this.#usb.sieStatus |= SETUP_RECEIVED;
        this.#usb.sieStatusUpdated();
        return this.#advance(current, null);
      case "in":
        return this.#advance(current, this.#in(step.toggle));
      case "out":
        return this.#advance(current, this.#out(step.bytes, step.toggle));
    }
  }

  #unanswered(): void {
    if (++this.#tries < TRIES) return this.alarm.schedule(RETRY_NS);
    this.#errors.push("the device does not answer");
    this.#line.givenUp();
  }

  #in(toggle: number): Uint8Array | "stall" {
    const ctrl = this.#buffers.control(IN_CTRL);
    if (ctrl & STALL) return "stall";
    if (!(ctrl & FULL)) this.#errors.push("control in: AVAILABLE without FULL");
    if ((ctrl & DATA1 ? 1 : 0) !== toggle) this.#errors.push(`control in: expected DATA${toggle}`);
    const data = this.#mcu.usbDPRAM.slice(DATA, DATA + (ctrl & LENGTH));
    this.#buffers.takeBack(IN_CTRL, 0, AVAILABLE | FULL, 0);
    this.#usb.indicateBufferReady(0, false);
    return data;
  }

  #out(bytes: Uint8Array, toggle: number): Uint8Array | "stall" {
    const ctrl = this.#buffers.control(OUT_CTRL);
    if (ctrl & STALL) return "stall";
    if ((ctrl & DATA1 ? 1 : 0) !== toggle) this.#errors.push(`control out: expected DATA${toggle}`);
    if (bytes.length > (ctrl & LENGTH)) this.#errors.push("control out: no room for the data");
    this.#mcu.usbDPRAM.set(bytes, DATA);
    this.#buffers.takeBack(OUT_CTRL, 0, AVAILABLE | LENGTH, FULL | bytes.length);
    this.#usb.indicateBufferReady(0, true);
    return bytes;
  }
}
