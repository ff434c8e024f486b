// Buffer controls in the controller's dual-port RAM (RP2040 datasheet, 4.1.2.5): what the firmware hands over, what the
// controller takes back. In: the firmware's writes. Out: the controls, whoever waits for one woken, and what was
// handed over as a real controller would stumble over it.

import type { RP2040 } from "rp2040js";
import { valueAt } from "../../stats/places.ts";
import { clockOf, type SimulatedClock, usbOf } from "./internals.ts";
import { FRAME_NS } from "./usb-bus.ts";

export const [FULL, DATA1, SELECT_0, STALL, AVAILABLE, LENGTH] = [
  0x8000, 0x2000, 0x1000, 0x800, 0x400, 0x3ff,
];
const BOTH_AVAILABLE = AVAILABLE | (AVAILABLE << 16);
/** Buffer controls, behind the endpoints' own. */
const [FIRST, END] = [0x80, 0x100];
/** Three clocks of 48 MHz: the controller may see a buffer's length later than AVAILABLE otherwise. */
const SETTLE_NS = 62.5;
/** No IN buffer may be handed over in a frame's last fifth (erratum RP2040-E15); the device's clock is a few µs off. */
const LAST_HAND_OVER_NS = 820_000;

export class UsbBuffers {
  readonly #mcu: RP2040;
  readonly #clock: SimulatedClock;
  readonly #inCtrl: number;
  readonly #errors: string[];
  /** As last written, by word of the dual-port RAM, and when anything but AVAILABLE changed. */
  readonly #seen = new Int32Array(END / 4);
  readonly #changedNs = new Float64Array(END / 4);
  readonly #waiting = new Map<number, () => void>();

  /** @param inCtrl of the bulk endpoint whose buffers may not come late in a frame. */
  constructor(mcu: RP2040, inCtrl: number, errors: string[]) {
    this.#mcu = mcu;
    this.#clock = clockOf(mcu);
    this.#inCtrl = inCtrl;
    this.#errors = errors;
    usbOf(mcu).DPRAMUpdated = (offset, value) => this.#written(offset, value);
  }

  /** The word at an offset into the RAM. */
  control(offset: number): number {
    return this.#mcu.usbDPRAMView.getUint32(offset, true);
  }

  /** The controller's own write: it takes the buffer back. */
  takeBack(offset: number, half: number, clear: number, set: number): void {
    const value = (this.control(offset) & ~(clear << (16 * half))) | (set << (16 * half));
    this.#mcu.usbDPRAMView.setUint32(offset, value, true);
    this.#seen[offset >> 2] = value;
  }

  /** At the firmware's next write there. */
  whenWritten(offset: number, wake: () => void): void {
    this.#waiting.set(offset, wake);
  }

  /** Nobody waits any more. */
  forget(): void {
    this.#waiting.clear();
  }

  #written(offset: number, value: number): void {
    if (offset < FIRST || offset >= END) return;
    const at = offset >> 2;
    const changed = valueAt(this.#seen, at) ^ value;
    const newlyAvailable = changed & value & BOTH_AVAILABLE;
    if (newlyAvailable !== 0) this.#checkHandOver(offset, changed, newlyAvailable);
    if (changed !== newlyAvailable) this.#changedNs[at] = this.#clock.nanos;
    this.#seen[at] = value;
    const wake = this.#waiting.get(offset);
    if (wake === undefined) return;
    this.#waiting.delete(offset);
    wake();
  }

  /** AVAILABLE is to be set by itself, after the rest has settled (RP2040 datasheet, 4.1.2.5.3). */
  #checkHandOver(offset: number, changed: number, newlyAvailable: number): void {
    const now = this.#clock.nanos;
    const place = `buffer control ${offset.toString(16)}`;
    const halves =
      (newlyAvailable & AVAILABLE ? 0xffff : 0) | (newlyAvailable & ~AVAILABLE ? ~0xffff : 0);
    if (offset === this.#inCtrl && now % FRAME_NS > LAST_HAND_OVER_NS)
      this.#errors.push(`${place}: handed over late in a frame`);
    if ((changed & halves) !== newlyAvailable)
      this.#errors.push(`${place}: handed over in the same write as the rest`);
    else if (now - valueAt(this.#changedNs, offset >> 2) < SETTLE_NS)
      this.#errors.push(`${place}: handed over too soon`);
  }
}
