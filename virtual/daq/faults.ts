// Accidents on command: "kind@seconds[:amount]" → what happens to the frames on the wire, and when.
// Every accident is counted, so that a test can hold the host's account against the truth.

import { UsageError } from "../../schema/errors.ts";
import { type Random, random } from "../../stats/random.ts";
import { valueAt } from "../../stats/places.ts";

const KINDS = {
  garbage: "N random bytes before the next frame",
  flip: "one bit flipped in each of the next N frames",
  lose: "the next N frames vanish after they were numbered",
  drop: "the next N bytes vanish, from the middle of a frame on",
  duplicate: "the next N frames are sent twice",
  swap: "N times: the next two frames change places",
  stall: "the transport takes nothing for N ms",
  unplug: "the line hangs up and comes back after N ms, powered up anew",
  restart: "the device resets while the line stays up",
} as const;

export type FaultKind = keyof typeof KINDS;

export interface Fault {
  readonly kind: FaultKind;
  /** Since the first start command. */
  readonly atNs: number;
  readonly amount: number;
}

export const FAULT_HELP = Object.entries(KINDS).map(([k, text]) => `${k}@SECONDS:N  ${text}`);

/** @throws UsageError for anything but `kind@seconds[:amount]`. */
export function parseFault(text: string): Fault {
  const m = /^(\w+)@(\d+(?:\.\d+)?)(?::(\d+))?$/.exec(text);
  if (!m?.[1] || !(m[1] in KINDS))
    throw new UsageError(
      `--fault ${text}: expected KIND@SECONDS[:N], KIND one of ${Object.keys(KINDS).join(", ")}`,
    );
  return { kind: m[1] as FaultKind, atNs: Number(m[2]) * 1e9, amount: Number(m[3] ?? 1) };
}

export type FaultCounts = Record<FaultKind, number>;

/** What stands between the device and the wire. */
export class Wire {
  readonly counts: FaultCounts = {
    garbage: 0,
    flip: 0,
    lose: 0,
    drop: 0,
    duplicate: 0,
    swap: 0,
    stall: 0,
    unplug: 0,
    restart: 0,
  };
  readonly #put: (bytes: Uint8Array) => boolean;
  readonly #random: Random;
  readonly #pending: FaultCounts = { ...this.counts };
  #held: Uint8Array | null = null;
  #cutting = false;

  /** @param put sends bytes; false when there is no room. */
  constructor(put: (bytes: Uint8Array) => boolean, seed: number) {
    this.#put = put;
    this.#random = random(seed, "wire faults");
  }

  schedule(kind: FaultKind, amount: number): void {
    this.#pending[kind] += amount;
  }

  /** Sends a frame, or does to it what is due. @returns false only when there is no room. */
  frame(frame: Uint8Array): boolean {
    if (this.#due("lose")) return true;
    if (this.#held === null && this.#due("swap")) {
      this.#held = frame.slice();
      return true;
    }
    if (this.#pending.garbage > 0) this.#garbage();
    if (this.#pending.drop > 0) return this.#put(this.#cut(frame));
    const sent = this.#put(this.#due("flip") ? this.#flipped(frame) : frame);
    if (sent && this.#due("duplicate")) this.#put(frame);
    if (this.#held) this.#put(this.#held);
    this.#held = null;
    return sent;
  }

  #due(kind: FaultKind): boolean {
    if (this.#pending[kind] === 0) return false;
    this.#pending[kind]--;
    this.counts[kind]++;
    return true;
  }

  /** The frame without the bytes that vanish: the first time its head remains. */
  #cut(frame: Uint8Array): Uint8Array {
    const from = this.#cutting ? 0 : frame.length >> 1;
    const n = Math.min(this.#pending.drop, frame.length - from);
    this.#pending.drop -= n;
    this.counts.drop += n;
    this.#cutting = this.#pending.drop > 0;
    const rest = new Uint8Array(frame.length - n);
    rest.set(frame.subarray(0, from));
    rest.set(frame.subarray(from + n), from);
    return rest;
  }

  #garbage(): void {
    const n = this.#pending.garbage;
    this.#pending.garbage = 0;
    this.counts.garbage += n;
    this.#put(new Uint8Array(n).map(() => this.#random.integer(256)));
  }

  #flipped(frame: Uint8Array): Uint8Array {
    const bad = frame.slice();
    const at = this.#random.integer(bad.length);
    bad[at] = valueAt(bad, at) ^ (1 << this.#random.integer(8));
    return bad;
  }
}
