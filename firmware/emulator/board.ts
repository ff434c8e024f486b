// The emulated board: the firmware's own image, from the boot stage on, in rp2040js, with the shims it
// needs. In: an image, what the pins see, and virtual time to run. Holds: one clock for everything, so a
// run is repeatable to the byte; whatever the emulator does not know throws instead of passing.

import { type Logger, type RP2040, Simulator } from "rp2040js";
import { clockOf, coreOf, type SimulatedClock } from "./internals.ts";
import type { Pins } from "./pins.ts";
import { shimAdc } from "./shim-adc.ts";
import { shimFlash } from "./shim-flash.ts";
import { type Sensors, shimIna226 } from "./shim-ina226.ts";
import { shimPio } from "./shim-pio.ts";
import { shimResets } from "./shim-resets.ts";
import { UsbHost, type UsbLink } from "./usb-host.ts";

export interface BoardOptions {
  /** Flash contents (image.ts). */
  readonly image: Uint8Array;
  readonly pins: Pins;
  /** The flash chip's unique id, 8 bytes; it becomes the serial number. */
  readonly uniqueId?: Uint8Array;
  /** Bytes that the device sent, as the host's driver hands them up. */
  readonly onData?: (bytes: Uint8Array) => void;
  readonly onSample?: (input: number, tNs: number) => void;
  /** How the board hangs on its host. */
  readonly link?: UsbLink;
  /** 1: B0 or B1, 2: B2 (SYSINFO_CHIP_ID). */
  readonly revision?: number;
  /** A paced converter begins one period late (shim-adc.ts). */
  readonly firstConversionLate?: boolean;
  /** Virtual time after which run() throws: a program that hangs is found out. */
  readonly limitNs?: number;
}

const CYCLE_NS = 8; // 125 MHz
const TRIGGER_PIN = 15;
const BOOT_STAGE_AT = 0x20041f00;
const BOOT_BYTES = 252;

export class Board {
  readonly mcu: RP2040;
  readonly usb: UsbHost;
  /** INA226 chips, as in the pins: each can be taken away; one can hold the bus. */
  readonly sensors: Sensors;
  /** The firmware went to the ROM's bootloader; it does not run any more. */
  inBootloader = false;
  instructions = 0;
  asleepNs = 0;
  /** The bus is busy elsewhere: the DMA does not come to the converter's FIFO. */
  readonly starve: (on: boolean) => void;
  readonly #clock: SimulatedClock;
  readonly #limitNs: number;

  constructor(options: BoardOptions) {
    const { image, pins, uniqueId = Uint8Array.of(0xe6, 0x61, 1, 2, 3, 4, 5, 6) } = options;
    this.mcu = new Simulator().rp2040;
    const { mcu } = this;
    this.#clock = clockOf(mcu);
    this.#limitNs = options.limitNs ?? Infinity;
    mcu.logger = strictLogger;
    mcu.flash.set(image);
    shimResets(mcu);
    shimFlash(mcu, { uniqueId, onBootloader: () => (this.inBootloader = true) });
    const { onSample, firstConversionLate: firstLate } = options;
    this.starve = shimAdc(mcu, pins, { onSample, firstLate });
    shimPio(mcu);
    this.sensors = shimIna226(mcu, pins);
    slowCpsie(mcu);
    const { revision = 2, link = {} } = options;
    sayEmulator(mcu, revision);
    watchdogThrows(mcu);
    this.usb = new UsbHost(mcu, options.onData ?? (() => undefined), { ...link, revision });
    this.#scheduleEdges(pins.edgesNs);
    this.#boot(image);
  }

  get nowNs(): number {
    return this.#clock.nanos;
  }

  /** Runs up to an instant of virtual time. @throws what the emulator does not know, a fault, the limit. */
  run(untilNs: number): void {
    if (untilNs > this.#limitNs)
      throw new Error(`virtual time beyond its limit, ${this.#limitNs} ns`);
    const clock = this.#clock;
    const { core } = this.mcu;
    while (clock.nanosCounter < untilNs && !this.inBootloader) {
      if (core.waiting && core.pendingInterrupts & core.enabledInterrupts) {
        // An interrupt that came just before WFI wakes it (ARMv6-M reference manual); rp2040js 1.4.1 sleeps on.
        core.waiting = false;
      } else if (core.waiting) {
        const ns = Math.min(clock.nextAlarm?.nanos ?? untilNs, untilNs) - clock.nanosCounter;
        this.asleepNs += ns;
        clock.tick(ns);
      } else this.instructions += this.#burst(untilNs);
    }
  }

  /** Time goes on without the processor, as if it were held in an endless interrupt: a fault to test. */
  freeze(ns: number): void {
    this.#clock.tick(ns);
  }

  /** Instructions up to the next sleep; the hot loop. clock.tick() only where an alarm is due. */
  #burst(untilNs: number): number {
    const clock = this.#clock;
    const { core } = this.mcu;
    let n = 0;
    do {
      const now = (clock.nanosCounter += core.executeInstruction() * CYCLE_NS);
      if (clock.nextAlarm !== null && clock.nextAlarm.nanos <= now) clock.tick(0);
      n++;
    } while (!core.waiting && clock.nanosCounter < untilNs);
    return n;
  }

  /** As the ROM does it: the stage's CRC checked, the stage copied to the top of RAM and called (2.8.1.3.1). */
  #boot(image: Uint8Array): void {
    const { mcu } = this;
    const stage = image.subarray(0, BOOT_BYTES);
    let crc = 0xffffffff;
    for (const byte of stage)
      for (let k = 7; k >= 0; k--)
        crc = (crc << 1) ^ (((crc >>> 31) ^ ((byte >> k) & 1)) === 1 ? 0x04c11db7 : 0);
    const said = new DataView(image.buffer, image.byteOffset).getUint32(BOOT_BYTES, true);
    if (crc >>> 0 !== said)
      throw new Error("the boot stage's CRC is wrong: the ROM would not start it");
    mcu.sram.set(stage, BOOT_STAGE_AT - 0x20000000);
    mcu.core.SP = BOOT_STAGE_AT;
    mcu.core.LR = 0;
    mcu.core.PC = BOOT_STAGE_AT;
  }

  #scheduleEdges(edgesNs: ArrayLike<number>): void {
    const pin = this.mcu.gpio[TRIGGER_PIN]!;
    let next = 0;
    const alarm = this.#clock.createAlarm(() => {
      pin.setInputValue(next++ % 2 === 0);
      schedule();
    });
    const schedule = (): void => {
      if (next < edgesNs.length) alarm.schedule(edgesNs[next]! - this.#clock.nanos);
    };
    schedule();
  }
}

const complain = (part: string, text: string): never => {
  throw new Error(`emulator: ${part}: ${text}`);
};

/** An access that the emulator does not know would otherwise read as ones and go on. */
const strictLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: complain,
  error: complain,
};

/** SYSINFO_PLATFORM says neither ASIC nor FPGA (2.20): how the image knows that it is emulated. */
function sayEmulator(mcu: RP2040, revision: number): void {
  const info = mcu.peripherals[0x40000]!;
  const read = info.readUint32.bind(info);
  info.readUint32 = (offset) =>
    offset === 4 ? 0 : offset === 0 ? (read(0) & 0x0fffffff) | (revision << 28) : read(offset);
}

const CPSIE = 0xb662;

/**
 * After CPSIE an interrupt may be taken only when the next instruction is over: only an ISB makes sure of more
 * (ARM DAI0321A, 4.7). rp2040js 1.4.1 takes it at once, and one that ends a WFI even while it is masked; both
 * hide a CPSIE that a CPSID follows.
 */
function slowCpsie(mcu: RP2040): void {
  const core = coreOf(mcu);
  const check = core.checkForInterrupts.bind(core);
  core.checkForInterrupts = () => {
    if (core.waiting && core.PM) return (core.pendingInterrupts & core.enabledInterrupts) !== 0;
    if (!core.waiting && mcu.readUint16((core.PC & ~1) - 2) === CPSIE) return false; // asked again then
    return check();
  };
}

function watchdogThrows(mcu: RP2040): void {
  const watchdog = mcu.peripherals[0x40058] as unknown as { onWatchdogTrigger: () => void };
  watchdog.onWatchdogTrigger = () =>
    complain("watchdog", "the main loop did not come by for a second");
}
