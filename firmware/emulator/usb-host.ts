// The host's end of the emulated USB cable: full speed, at most 19 bulk packets in a frame (usb-bus.ts), a price for
// every NAK, directly or behind a high-speed hub; and the enumeration that Linux does, to the letter
// (usb-enumeration.ts). In: what the firmware puts into the controller's dual-port RAM (usb-buffers.ts). Out: bytes as
// a CDC driver hands them up; and a list of what the device did wrong.
// Replaces the controller's own host side of rp2040js 1.4.1, which never sends NAK, has no bandwidth limit
// and swaps double buffers.

import type { RP2040 } from "rp2040js";
import { valueAt } from "../../stats/places.ts";
import { type Alarm, clockOf, type SimulatedClock, type UsbInternals, usbOf } from "./internals.ts";
import { AVAILABLE, DATA1, FULL, LENGTH, SELECT_0, UsbBuffers } from "./usb-buffers.ts";
import { UsbBus } from "./usb-bus.ts";
import { ControlPipe } from "./usb-control.ts";
import { type ControlTransfer, enumerate, lineState } from "./usb-enumeration.ts";

const BUS_RESET = 1 << 19;
const PULL_UP = 1 << 16;
const SIE_STATUS = 0x50;
const [SOF_READ, SOF_INTERRUPT] = [0x48, 1 << 17];
const DOUBLE = 1 << 30;
const DATA_EP = 2;
const [IN_CTRL, OUT_CTRL] = [0x80 + 8 * DATA_EP, 0x84 + 8 * DATA_EP];

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
  readonly #buffers: UsbBuffers;
  readonly #bus: UsbBus;
  readonly #control: ControlPipe;
  readonly #inAlarm: Alarm;
  readonly #outAlarm: Alarm;
  readonly #sofAlarm: Alarm;
  readonly #retryAlarm: Alarm;
  readonly #idleAlarm: Alarm;
  readonly #link: UsbLink & { readonly revision?: number };
  #nakFromNs = NaN;
  #hung = false;
  #resetting = false;
  /** The controller listens to requests. */
  #connected = true;
  #stalled = false;
  #open = false;
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
    this.#sofAlarm = this.#clock.createAlarm(() => this.#startOfFrame());
    this.#retryAlarm = this.#clock.createAlarm(() => {
      this.#nakFromNs = NaN;
      this.#pumpIn();
    });
    this.#idleAlarm = this.#clock.createAlarm(() => {
      this.#connected = true;
      this.#usb.sieStatus |= CONNECTED;
    });
    this.#buffers = new UsbBuffers(mcu, IN_CTRL, this.errors);
    this.#bus = new UsbBus(this.#clock);
    this.#control = new ControlPipe(mcu, this.#buffers, this.#bus, {
      errors: this.errors,
      isHeard: () => this.#connected,
      reset: () => this.#reset(),
      resetEnds: () => this.#endReset(),
      givenUp: () => this.#gone(),
    });
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
    const { alarm } = this.#control;
    return [this.#inAlarm, this.#outAlarm, alarm, this.#retryAlarm, this.#idleAlarm];
  }

  /** Unplugged, or as good as. */
  #gone(): void {
    for (const alarm of [...this.#alarms(), this.#sofAlarm]) alarm.cancel();
    this.#open = this.#hung = this.#inBusy = this.#outBusy = this.#resetting = false;
    this.#control.drop();
    this.#out = [];
    this.#readFill = 0;
    this.#nakFromNs = NaN;
    this.#buffers.forget();
  }

  setDtr(on: boolean): void {
    this.#control.start(lineState(on), () => (this.#open = on));
  }

  /** Any further control transfer, for tests. */
  control(transfer: ControlTransfer): void {
    this.#control.start(transfer);
  }

  /** After a halt was cleared on both data endpoints (USB 2.0, 9.4.5). */
  clearToggles(): void {
    this.#toggle = { in: 0, out: 0 };
    this.#select = 0;
  }

  // --- frames --------------------------------------------------------------------------------------

  /** The controller tells of each; reading the frame's number clears the interrupt (4.1.4, SOF_RD). */
  #startOfFrame(): void {
    if (this.#hung) return this.#awaitFrame();
    this.#usb.sofFrameNumber++;
    const asksNotify = this.#open && this.#usb.sofFrameNumber % NOTIFY_FRAMES === 0;
    if (asksNotify && this.#buffers.control(NOTIFY_CTRL) & TELLS_NAK)
      this.#usb.epStatusStallNak |= NOTIFY_BIT;
    this.#usb.intRaw |= SOF_INTERRUPT;
    this.#usb.checkInterrupts();
    this.#awaitFrame();
  }

  #awaitFrame(): void {
    this.#sofAlarm.schedule(this.#bus.untilFrame);
  }

  // --- bulk in -------------------------------------------------------------------------------------

  #inHalf(): number {
    const double = (this.#buffers.control(8 * DATA_EP) & DOUBLE) !== 0;
    if (!double) return 0;
    // The device asks for its first buffer again with SELECT_0.
    if (this.#buffers.control(IN_CTRL) & SELECT_0 && this.#toggle.in === 0) this.#select = 0;
    return this.#select;
  }

  #pumpIn(): void {
    if (!this.#open || this.#stalled || this.#inBusy || this.#hung) return;
    const ctrl = (this.#buffers.control(IN_CTRL) >> (16 * this.#inHalf())) & 0xffff;
    if (!(ctrl & AVAILABLE)) {
      if (Number.isNaN(this.#nakFromNs)) {
        this.#nakFromNs = this.#clock.nanos;
        this.naks++;
      }
      this.#buffers.whenWritten(IN_CTRL, () => this.#askAgain());
      return;
    }
    this.#inBusy = true;
    this.#inAlarm.schedule(this.#bus.slot(ctrl & LENGTH) + (this.#link.hub ? SPLIT_NS : 0));
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
    const ctrl = (this.#buffers.control(IN_CTRL) >> (16 * half)) & 0xffff;
    if (!(ctrl & AVAILABLE)) return this.#pumpIn(); // taken away meanwhile
    const n = ctrl & LENGTH;
    if (!(ctrl & FULL)) this.errors.push("bulk in: AVAILABLE without FULL");
    this.#checkToggle("in", ctrl);
    const at = (this.#buffers.control(8 * DATA_EP) & 0xffc0) + 64 * half;
    this.#buffers.takeBack(IN_CTRL, half, AVAILABLE | FULL, 0);
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

  #pumpOut(): void {
    const [packet] = this.#out;
    if (!packet || this.#outBusy || !this.#open || this.#hung) return;
    if (!(this.#buffers.control(OUT_CTRL) & AVAILABLE)) {
      this.#buffers.whenWritten(OUT_CTRL, () => this.#pumpOut());
      return;
    }
    this.#outBusy = true;
    this.#outAlarm.schedule(this.#bus.slot(packet.length));
  }

  #completeOut(): void {
    this.#outBusy = false;
    const ctrl = this.#buffers.control(OUT_CTRL);
    if (!(ctrl & AVAILABLE)) return this.#pumpOut();
    const packet = this.#out.shift();
    if (!packet) return;
    this.#checkToggle("out", ctrl);
    this.#mcu.usbDPRAM.set(packet, this.#buffers.control(8 * DATA_EP + 4) & 0xffc0);
    this.#buffers.takeBack(OUT_CTRL, 0, AVAILABLE | LENGTH, FULL | packet.length);
    this.#usb.indicateBufferReady(DATA_EP, true);
    this.#pumpOut();
  }

  // --- the line ------------------------------------------------------------------------------------

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
      this.#control.start(enumerate(this.descriptors), () => this.#opened());
    };
  }

  /** The controller looks at GPIO 15 instead of the line: idle, when that is held high (erratum RP2040-E5). */
  #muxed(value: number): void {
    this.#idleAlarm.cancel();
    if (!(value & TO_PAD)) return;
    const { ctrl } = valueAt(this.#mcu.gpio, 15);
    if (this.#resetting) this.errors.push("line forced while the host resets the bus");
    if ((ctrl & 31) === 8 && ((ctrl >> 16) & 3) === 3) this.#idleAlarm.schedule(IDLE_NS);
    else this.errors.push("line forced without the pin");
  }

  #reset(): void {
    this.clearToggles();
    this.#resetting = true;
    this.#usb.sieStatus &= ~(LINE_STATE | CONNECTED);
    this.#usb.sieStatus |= BUS_RESET;
    this.#usb.sieStatusUpdated();
  }

  #endReset(): void {
    this.#resetting = false;
    this.#connected = !(this.#link.busy && this.#link.revision === BEFORE_B2);
    this.#usb.sieStatus |= LINE_J | (this.#connected ? CONNECTED : 0);
  }

  #opened(): void {
    this.#open = true;
    this.clearToggles();
    this.#pumpIn();
    this.#pumpOut();
  }
}
