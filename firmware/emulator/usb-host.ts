// The host's end of the emulated USB cable: full speed, frames of 1 ms, at most 19 bulk packets in each, a
// price for every NAK, directly or behind a high-speed hub; and the enumeration that Linux does, to the letter. In: what the firmware puts into the controller's
// dual-port RAM. Out: bytes as a CDC driver hands them up; and a list of what the device did wrong.
// Replaces the controller's own host side of rp2040js 1.4.1, which never sends NAK, has no bandwidth limit
// and swaps double buffers.

import type { RP2040 } from "rp2040js";
import { type Alarm, clockOf, type SimulatedClock, type UsbInternals, usbOf } from "./internals.ts";
import { type ControlStep, type ControlTransfer, enumerate, lineState } from "./usb-enumeration.ts";

const BUS_RESET = 1 << 19;
const SETUP_RECEIVED = 1 << 17;
const PULL_UP = 1 << 16;
const SIE_STATUS = 0x50;
const [SOF_READ, SOF_INTERRUPT] = [0x48, 1 << 17];
const [FULL, DATA1, SELECT_0, STALL, AVAILABLE, LENGTH] = [
  0x8000, 0x2000, 0x1000, 0x800, 0x400, 0x3ff,
];
const BOTH_AVAILABLE = AVAILABLE | (AVAILABLE << 16);
const DOUBLE = 1 << 30;
const DATA_EP = 2;

const FRAME_NS = 1e6;
const SOF_NS = 5_000;
/** No IN buffer may be handed over in a frame's last fifth (erratum RP2040-E15); the device's clock is a few µs off. */
const LAST_HAND_OVER_NS = 820_000;
/** 13 bytes of overhead and the data at 12 Mbit/s (USB 2.0, 5.8.4: 19 packets of 64 in a frame). */
const transactionNs = (bytes: number): number => ((13 + bytes) * 8 * 1000) / 12;
/**
 * What a NAK costs on the wire: token, turnaround, handshake, and the pause before the next token (35 and 19
 * bits at 12 Mbit/s and the gaps between them).
 */
const NAK_NS = 7_000;
/**
 * A high-speed hub translates: a transaction is begun by one split and fetched by another, some 10 µs on top
 * of its time on the slow bus, and after a NAK the host comes again in its next microframe. A model, after
 * USB 2.0, 11.14 to 11.18; hosts differ.
 */
const [SPLIT_NS, MICROFRAME_NS] = [10_000, 125_000];
/** The notification endpoint is asked this often while the port is open, in frames, and tells of its NAK. */
const NOTIFY_FRAMES = 16;
const [NOTIFY_CTRL, TELLS_NAK, NOTIFY_BIT] = [0x08, 1 << 16, 1 << 2];
const [MUXING, TO_PAD, PHY_DIRECT, PHY_OVERRIDE] = [0x74, 1 << 2, 0x7c, 0x80];
const [LINE_J, LINE_STATE, CONNECTED] = [1 << 2, 3 << 2, 1 << 16];
/** Chips B0 and B1 listen after a reset when the line was idle for so long (erratum RP2040-E5). */
const [BEFORE_B2, IDLE_NS] = [1, 800_000];
/** A request that nobody answers is given up after so many tries. */
const [TRIES, RETRY_NS] = [5, 5e6];
/** Three clocks of 48 MHz: the controller may see a buffer's length later than AVAILABLE otherwise. */
const SETTLE_NS = 62.5;
/** Linux's cdc-acm asks for two packets at a time: a whole packet alone waits for the next. */
const READ_BYTES = 128;

export interface UsbLink {
  /** Behind a high-speed hub instead of on the host's own port. */
  readonly hub?: boolean;
  /** The hub has other devices with much to say: the line is never idle for long. */
  readonly busy?: boolean;
}

export class UsbHost {
  /** What a real host or controller would have stumbled over. */
  readonly errors: string[] = [];
  /** Descriptors read while enumerating. */
  readonly descriptors = new Map<string, Uint8Array>();
  packetsIn = 0;
  /** The times the device had no data when it was asked for some. */
  naks = 0;
  readonly #mcu: RP2040;
  readonly #usb: UsbInternals;
  readonly #clock: SimulatedClock;
  readonly #onData: (bytes: Uint8Array) => void;
  /** Buffer controls as last written, by word of the dual-port RAM, and when anything but AVAILABLE changed. */
  readonly #seen = new Int32Array(64);
  readonly #changedNs = new Float64Array(64);
  readonly #waiting = new Map<number, () => void>();
  readonly #inAlarm: Alarm;
  readonly #outAlarm: Alarm;
  readonly #controlAlarm: Alarm;
  readonly #sofAlarm: Alarm;
  readonly #retryAlarm: Alarm;
  readonly #idleAlarm: Alarm;
  readonly #link: UsbLink & { readonly revision?: number };
  #nakFromNs = NaN;
  #hung = false;
  #resetting = false;
  /** The controller listens to requests. */
  #connected = true;
  #tries = 0;
  #busFreeNs = 0;
  #stalled = false;
  #open = false;
  #transfers: ControlTransfer[] = [];
  #current: ControlTransfer | null = null;
  #inBusy = false;
  #outBusy = false;
  /** Toggle and buffer expected next, bulk in and out. */
  #toggle = { in: 0, out: 0 };
  #select = 0;
  #out: Uint8Array[] = [];
  readonly #read = new Uint8Array(READ_BYTES);
  #readFill = 0;

  constructor(
    mcu: RP2040,
    onData: (bytes: Uint8Array) => void,
    link: UsbLink & { readonly revision?: number } = {},
  ) {
    this.#link = link;
    this.#mcu = mcu;
    this.#usb = usbOf(mcu);
    this.#clock = clockOf(mcu);
    this.#onData = onData;
    this.#inAlarm = this.#clock.createAlarm(() => this.#completeIn());
    this.#outAlarm = this.#clock.createAlarm(() => this.#completeOut());
    this.#controlAlarm = this.#clock.createAlarm(() => this.#controlDue());
    this.#sofAlarm = this.#clock.createAlarm(() => this.#startOfFrame());
    this.#retryAlarm = this.#clock.createAlarm(() => {
      this.#nakFromNs = NaN;
      this.#pumpIn();
    });
    this.#idleAlarm = this.#clock.createAlarm(() => {
      this.#connected = true;
      this.#usb.sieStatus |= CONNECTED;
    });
    this.#usb.DPRAMUpdated = (offset, value) => this.#written(offset, value);
    this.#watchPullUp();
  }

  /** Enumerated, configured, DTR raised. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Bytes for the device, in order. */
  send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 64) this.#out.push(bytes.slice(at, at + 64));
    this.#pumpOut();
  }

  /** While stalled the host asks for no data: its controller or its driver is busy elsewhere. */
  stall(on: boolean): void {
    this.#stalled = on;
    if (!on) this.#pumpIn();
  }

  /** The controller takes no token any more, until its block is reset (erratum RP2040-E15). */
  hang(): void {
    this.#hung = true;
    for (const alarm of this.#alarms()) alarm.cancel();
  }

  #alarms(): Alarm[] {
    return [this.#inAlarm, this.#outAlarm, this.#controlAlarm, this.#retryAlarm, this.#idleAlarm];
  }

  /** Unplugged, or as good as. */
  #gone(): void {
    for (const alarm of [...this.#alarms(), this.#sofAlarm]) alarm.cancel();
    this.#open = this.#hung = this.#inBusy = this.#outBusy = this.#resetting = false;
    this.#transfers = [];
    this.#current = this.#step = null;
    this.#out = [];
    this.#readFill = 0;
    this.#nakFromNs = NaN;
    this.#waiting.clear();
    this.#then.clear();
  }

  setDtr(on: boolean): void {
    this.#control(lineState(on), () => (this.#open = on));
  }

  /** Any further control transfer, for tests. */
  control(transfer: ControlTransfer): void {
    this.#control(transfer);
  }

  /** After a halt was cleared on both data endpoints (USB 2.0, 9.4.5). */
  clearToggles(): void {
    this.#toggle = { in: 0, out: 0 };
    this.#select = 0;
  }

  // --- dual-port RAM -------------------------------------------------------------------------------

  #written(offset: number, value: number): void {
    if (offset < 0x80 || offset >= 0x100) return;
    const at = offset >> 2;
    const was = this.#seen[at]!;
    const now = this.#clock.nanos;
    const newlyAvailable = value & ~was & BOTH_AVAILABLE;
    if (newlyAvailable !== 0) this.#checkHandOver(offset, was ^ value, newlyAvailable, now);
    if ((was ^ value) !== newlyAvailable) this.#changedNs[at] = now;
    this.#seen[at] = value;
    const wake = this.#waiting.get(offset);
    if (wake === undefined) return;
    this.#waiting.delete(offset);
    wake();
  }

  /** AVAILABLE is to be set by itself, after the rest has settled (RP2040 datasheet, 4.1.2.5.3). */
  #checkHandOver(offset: number, changed: number, newlyAvailable: number, now: number): void {
    const place = `buffer control ${offset.toString(16)}`;
    const halves =
      (newlyAvailable & AVAILABLE ? 0xffff : 0) | (newlyAvailable & ~AVAILABLE ? ~0xffff : 0);
    if (offset === this.#inCtrl && now % FRAME_NS > LAST_HAND_OVER_NS)
      this.errors.push(`${place}: handed over late in a frame`);
    if ((changed & halves) !== newlyAvailable)
      this.errors.push(`${place}: handed over in the same write as the rest`);
    else if (now - this.#changedNs[offset >> 2]! < SETTLE_NS)
      this.errors.push(`${place}: handed over too soon`);
  }

  #control32(offset: number): number {
    return this.#mcu.usbDPRAMView.getUint32(offset, true);
  }

  /** The controller's own write: it takes the buffer back. */
  #takeBack(offset: number, half: number, clear: number, set: number): void {
    const value = (this.#control32(offset) & ~(clear << (16 * half))) | (set << (16 * half));
    this.#mcu.usbDPRAMView.setUint32(offset, value, true);
    this.#seen[offset >> 2] = value;
  }

  /** The controller tells of each; reading the frame's number clears the interrupt (4.1.4, SOF_RD). */
  #startOfFrame(): void {
    if (this.#hung) return this.#awaitFrame();
    this.#usb.sofFrameNumber++;
    const asksNotify = this.#open && this.#usb.sofFrameNumber % NOTIFY_FRAMES === 0;
    if (asksNotify && this.#control32(NOTIFY_CTRL) & TELLS_NAK)
      this.#usb.epStatusStallNak |= NOTIFY_BIT;
    this.#usb.intRaw |= SOF_INTERRUPT;
    this.#usb.checkInterrupts();
    this.#awaitFrame();
  }

  #awaitFrame(): void {
    this.#sofAlarm.schedule(FRAME_NS - (this.#clock.nanos % FRAME_NS));
  }

  // --- the bus -------------------------------------------------------------------------------------

  /** Takes the next free place for a transaction. @returns ns until it is over. */
  #slot(bytes: number): number {
    const now = this.#clock.nanos;
    const length = transactionNs(bytes);
    let start = Math.max(now + 2_000, this.#busFreeNs);
    const frame = Math.floor(start / FRAME_NS) * FRAME_NS;
    if (start < frame + SOF_NS) start = frame + SOF_NS;
    if (start + length > frame + FRAME_NS) start = frame + FRAME_NS + SOF_NS;
    this.#busFreeNs = start + length;
    return start + length - now;
  }

  // --- bulk in -------------------------------------------------------------------------------------

  readonly #inCtrl = 0x80 + 8 * DATA_EP;

  #inHalf(): number {
    const double = (this.#control32(8 * DATA_EP) & DOUBLE) !== 0;
    if (!double) return 0;
    // The device asks for its first buffer again with SELECT_0.
    if (this.#control32(this.#inCtrl) & SELECT_0 && this.#toggle.in === 0) this.#select = 0;
    return this.#select;
  }

  #pumpIn(): void {
    if (!this.#open || this.#stalled || this.#inBusy || this.#hung) return;
    const ctrl = (this.#control32(this.#inCtrl) >> (16 * this.#inHalf())) & 0xffff;
    if (!(ctrl & AVAILABLE)) {
      if (Number.isNaN(this.#nakFromNs)) {
        this.#nakFromNs = this.#clock.nanos;
        this.naks++;
      }
      this.#waiting.set(this.#inCtrl, () => this.#askAgain());
      return;
    }
    this.#inBusy = true;
    this.#inAlarm.schedule(this.#slot(ctrl & LENGTH) + (this.#link.hub ? SPLIT_NS : 0));
  }

  /** The host asks at its own times: what became available is found at the next. */
  #askAgain(): void {
    const now = this.#clock.nanos;
    const since = this.#link.hub ? now % MICROFRAME_NS : (now - this.#nakFromNs) % NAK_NS;
    this.#retryAlarm.schedule((this.#link.hub ? MICROFRAME_NS : NAK_NS) - since);
  }

  #completeIn(): void {
    this.#inBusy = false;
    const half = this.#inHalf();
    const ctrl = (this.#control32(this.#inCtrl) >> (16 * half)) & 0xffff;
    if (!(ctrl & AVAILABLE)) return this.#pumpIn(); // taken away meanwhile
    const n = ctrl & LENGTH;
    if (!(ctrl & FULL)) this.errors.push("bulk in: AVAILABLE without FULL");
    this.#checkToggle("in", ctrl);
    const at = (this.#control32(8 * DATA_EP) & 0xffc0) + 64 * half;
    this.#takeBack(this.#inCtrl, half, AVAILABLE | FULL, 0);
    this.#select ^= 1;
    this.packetsIn++;
    this.#deliver(this.#mcu.usbDPRAM.subarray(at, at + n));
    this.#usb.indicateBufferReady(DATA_EP, false);
    this.#pumpIn();
  }

  /** A read ends with a short packet, or when it is full. */
  #deliver(packet: Uint8Array): void {
    this.#read.set(packet, this.#readFill);
    this.#readFill += packet.length;
    if (packet.length === 64 && this.#readFill < READ_BYTES) return;
    const n = this.#readFill;
    this.#readFill = 0;
    if (n > 0) this.#onData(this.#read.subarray(0, n));
  }

  #checkToggle(direction: "in" | "out", ctrl: number): void {
    const said = ctrl & DATA1 ? 1 : 0;
    if (said !== this.#toggle[direction])
      this.errors.push(`bulk ${direction}: DATA${said}, expected DATA${this.#toggle[direction]}`);
    this.#toggle[direction] = said ^ 1;
  }

  // --- bulk out ------------------------------------------------------------------------------------

  readonly #outCtrl = 0x84 + 8 * DATA_EP;

  #pumpOut(): void {
    if (this.#out.length === 0 || this.#outBusy || !this.#open || this.#hung) return;
    if (!(this.#control32(this.#outCtrl) & AVAILABLE)) {
      this.#waiting.set(this.#outCtrl, () => this.#pumpOut());
      return;
    }
    this.#outBusy = true;
    this.#outAlarm.schedule(this.#slot(this.#out[0]!.length));
  }

  #completeOut(): void {
    this.#outBusy = false;
    const ctrl = this.#control32(this.#outCtrl);
    if (!(ctrl & AVAILABLE)) return this.#pumpOut();
    const packet = this.#out.shift()!;
    this.#checkToggle("out", ctrl);
    this.#mcu.usbDPRAM.set(packet, this.#control32(8 * DATA_EP + 4) & 0xffc0);
    this.#takeBack(this.#outCtrl, 0, AVAILABLE | LENGTH, FULL | packet.length);
    this.#usb.indicateBufferReady(DATA_EP, true);
    this.#pumpOut();
  }

  // --- control -------------------------------------------------------------------------------------

  /** Plugged in: the device pulls D+ up, and the host begins after its debounce time. */
  #watchPullUp(): void {
    const write = this.#usb.writeUint32.bind(this.#usb);
    const read = this.#usb.readUint32.bind(this.#usb);
    this.#usb.readUint32 = (offset) => {
      if (offset === SOF_READ) {
        this.#usb.intRaw &= ~SOF_INTERRUPT;
        this.#usb.checkInterrupts();
      }
      return offset === PHY_DIRECT || offset === PHY_OVERRIDE ? 0 : read(offset);
    };
    let up = false;
    this.#usb.writeUint32 = (offset, value) => {
      if (offset === PHY_DIRECT || offset === PHY_OVERRIDE) return; // rp2040js has no PHY
      write(offset, value);
      if (offset === MUXING) this.#muxed(value);
      if (offset === SIE_STATUS && this.#resetting)
        this.#usb.sieStatus &= ~(LINE_STATE | CONNECTED);
      if (offset !== 0x4c || up === ((value & PULL_UP) !== 0)) return;
      up = !up;
      if (!up) return this.#gone();
      this.#awaitFrame();
      this.#control(enumerate(this.descriptors), () => this.#opened());
    };
  }

  /** The controller looks at GPIO 15 instead of the line: idle, when that is held high (erratum RP2040-E5). */
  #muxed(value: number): void {
    this.#idleAlarm.cancel();
    if (!(value & TO_PAD)) return;
    const { ctrl } = this.#mcu.gpio[15]!;
    if (this.#resetting) this.errors.push("line forced while the host resets the bus");
    if ((ctrl & 31) === 8 && ((ctrl >> 16) & 3) === 3) this.#idleAlarm.schedule(IDLE_NS);
    else this.errors.push("line forced without the pin");
  }

  #endReset(): void {
    this.#resetting = false;
    this.#connected = !(this.#link.busy && this.#link.revision === BEFORE_B2);
    this.#usb.sieStatus |= LINE_J | (this.#connected ? CONNECTED : 0);
  }

  #opened(): void {
    this.#open = true;
    this.#toggle = { in: 0, out: 0 };
    this.#select = 0;
    this.#pumpIn();
    this.#pumpOut();
  }

  readonly #then = new Map<ControlTransfer, () => void>();

  #control(transfer: ControlTransfer, then?: () => void): void {
    if (then) this.#then.set(transfer, then);
    this.#transfers.push(transfer);
    if (this.#current === null) this.#nextTransfer();
  }

  #nextTransfer(): void {
    this.#current = this.#transfers.shift() ?? null;
    if (this.#current) this.#advance(null);
  }

  #step: ControlStep | null = null;

  #advance(result: Uint8Array | "stall" | null): void {
    const { value, done } = this.#current!.next(result);
    if (done) {
      const then = this.#then.get(this.#current!);
      this.#then.delete(this.#current!);
      if (value) this.errors.push(value);
      then?.();
      return this.#nextTransfer();
    }
    this.#step = value;
    this.#try();
  }

  #try(): void {
    const step = this.#step!;
    switch (step.kind) {
      case "wait":
        return this.#controlAlarm.schedule(step.ns);
      case "reset":
        this.#toggle = { in: 0, out: 0 };
        this.#resetting = true;
        this.#usb.sieStatus &= ~(LINE_STATE | CONNECTED);
        this.#usb.sieStatus |= BUS_RESET;
        this.#usb.sieStatusUpdated();
        return this.#controlAlarm.schedule(10e6);
      case "setup":
        return this.#controlAlarm.schedule(this.#slot(8));
      case "in":
      case "out":
        return this.#whenReady(step);
    }
  }

  #whenReady(step: { kind: "in" | "out"; bytes?: Uint8Array }): void {
    const offset = step.kind === "in" ? 0x80 : 0x84;
    const ctrl = this.#control32(offset);
    const armed = this.#usb.epStallArm & (step.kind === "in" ? 1 : 2);
    if (ctrl & STALL && armed) return this.#controlAlarm.schedule(this.#slot(0));
    if (ctrl & AVAILABLE) return this.#controlAlarm.schedule(this.#slot(64));
    this.#waiting.set(offset, () => this.#try());
  }

  #controlDue(): void {
    const step = this.#step!;
    switch (step.kind) {
      case "reset":
        this.#endReset();
        return this.#advance(null);
      case "wait":
        return this.#advance(null);
      case "setup":
        if (!this.#connected) return this.#unanswered();
        this.#tries = 0;
        this.#usb.epStallArm = 0; // the controller's own doing
        this.#mcu.usbDPRAM.set(step.bytes);
        this.#usb.sieStatus |= SETUP_RECEIVED;
        this.#usb.sieStatusUpdated();
        return this.#advance(null);
      case "in":
        return this.#controlIn(step.toggle);
      case "out":
        return this.#controlOut(step.bytes, step.toggle);
    }
  }

  #unanswered(): void {
    if (++this.#tries < TRIES) return this.#controlAlarm.schedule(RETRY_NS);
    this.errors.push("the device does not answer");
    this.#gone();
  }

  #controlIn(toggle: number): void {
    const ctrl = this.#control32(0x80);
    if (ctrl & STALL) return this.#advance("stall");
    if (!(ctrl & FULL)) this.errors.push("control in: AVAILABLE without FULL");
    if ((ctrl & DATA1 ? 1 : 0) !== toggle) this.errors.push(`control in: expected DATA${toggle}`);
    const data = this.#mcu.usbDPRAM.slice(0x100, 0x100 + (ctrl & LENGTH));
    this.#takeBack(0x80, 0, AVAILABLE | FULL, 0);
    this.#usb.indicateBufferReady(0, false);
    this.#advance(data);
  }

  #controlOut(bytes: Uint8Array, toggle: number): void {
    const ctrl = this.#control32(0x84);
    if (ctrl & STALL) return this.#advance("stall");
    if ((ctrl & DATA1 ? 1 : 0) !== toggle) this.errors.push(`control out: expected DATA${toggle}`);
    if (bytes.length > (ctrl & LENGTH)) this.errors.push("control out: no room for the data");
    this.#mcu.usbDPRAM.set(bytes, 0x100);
    this.#takeBack(0x84, 0, AVAILABLE | LENGTH, FULL | bytes.length);
    this.#usb.indicateBufferReady(0, true);
    this.#advance(bytes);
  }
}
