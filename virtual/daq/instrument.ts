// What stands behind the line of a virtual instrument: the host's bytes and the time in, bytes out.

/** @returns whether there was room. The frame is copied. */
export type Send = (frame: Uint8Array) => boolean;

export interface Instrument {
  readonly running: boolean;
  /** Rate of its UART, bits per second; null behind USB. */
  readonly baud: number | null;
  /** What the host wrote. @param nowNs since the truth's zero, as everywhere here. */
  take(bytes: Uint8Array, nowNs: number): void;
  /** Sends what is due by now. */
  advance(nowNs: number): void;
  /** The next frame, whether its time has come or not. */
  block(): void;
  /** Power-up. */
  reset(nowNs: number): void;
  /** What it did, in its own words. */
  account(): object;
  close(): void;
}
