// INA226 chips on I²C0 with their shared alert line on GPIO 6 (TI SBOS547). In: means of the shunt and bus
// volts over each conversion. Out: registers, and the alert. Free-running, each by its own clock; rp2040js
// has the bus but nothing on it.

import { GPIOPinState, type RP2040 } from "rp2040js";
import {
  BUS_COUNT_V,
  type ReadingPlan,
  readingPlan,
  SHUNT_COUNT_V,
  slotsOf,
} from "../../schema/wire/ina226.ts";
import { type Alarm, clockOf, i2cOf } from "./internals.ts";
import type { Pins, SensorPins } from "./pins.ts";

const BIT_NS = 2500; // 400 kHz
const [SDA_PIN, SCL_PIN, ALERT_PIN] = [4, 5, 6];
const [SDA_HOLD, INTERRUPT_MASK] = [0x7c, 0x30];
const [CONVERSION_READY_ALERT, CONVERSION_READY] = [1 << 10, 1 << 3];

export interface Sensors {
  /** To be taken away and given back. */
  readonly chips: readonly { present: boolean; readonly endsNs: readonly number[] }[];
  /** A chip pulls the data line low until it has seen this many clocks. */
  hold(clocks: number): void;
}

export function shimIna226(mcu: RP2040, pins: Pins): Sensors {
  const i2c = mcu.i2c[0]!;
  const chips = pins.sensors.map((s) => new Chip(mcu, s, () => drive()));
  const drive = (): void => {
    const low = chips.some((c) => c.pullsAlert);
    const pin = mcu.gpio[ALERT_PIN]!;
    if (pin.inputValue !== !low) pin.setInputValue(!low);
  };
  mcu.gpio[ALERT_PIN]!.setInputValue(true); // the pull-up
  const write = i2c.writeUint32.bind(i2c);
  // The time the data line is held has no meaning here; rp2040js would warn of it.
  i2c.writeUint32 = (offset, value) => {
    if (offset === INTERRUPT_MASK) {
      // rp2040js reads the mask but does not take it.
      i2cOf(mcu).intEnable = value;
      i2cOf(mcu).checkInterrupts();
    } else if (offset !== SDA_HOLD) write(offset, value);
  };
  const sda = mcu.gpio[SDA_PIN]!;
  sda.setInputValue(true);
  mcu.gpio[SCL_PIN]!.setInputValue(true);
  let held = 0;
  mcu.gpio[SCL_PIN]!.addListener((state) => {
    if (held > 0 && state === GPIOPinState.Low) sda.setInputValue(--held === 0);
  });
  attach(mcu, chips, () => held > 0);
  const hold = (clocks: number): void => {
    held = clocks;
    sda.setInputValue(false);
  };
  return { chips, hold };
}

/** The bus: bytes take their nine bit times. */
function attach(mcu: RP2040, chips: readonly Chip[], isHeld: () => boolean): void {
  const i2c = mcu.i2c[0]!;
  let then: () => void = () => undefined;
  const alarm = clockOf(mcu).createAlarm(() => then());
  const after = (bits: number, act: () => void): void => {
    then = act;
    alarm.schedule(bits * BIT_NS);
  };
  let chip: Chip | undefined;
  // A master waits for the bus to be free before it starts.
  i2c.onStart = () => {
    if (!isHeld()) after(1, () => i2c.completeStart());
  };
  i2c.onConnect = (address) => {
    chip = chips.find((c) => c.pins.address === address && c.present);
    chip?.begin();
    after(9, () => i2c.completeConnect(chip !== undefined));
  };
  i2c.onWriteByte = (byte) =>
    after(9, () => {
      chip?.write(byte);
      i2c.completeWrite(true);
    });
  i2c.onReadByte = () => after(9, () => i2c.completeRead(chip?.read() ?? 0xff));
  i2c.onStop = () => after(1, () => i2c.completeStop());
}

class Chip {
  readonly pins: SensorPins;
  /** A chip without supply does not answer. */
  present = true;
  /** When its conversions ended, ns since power-up. */
  readonly endsNs: number[] = [];
  readonly #mcu: RP2040;
  readonly #drive: () => void;
  readonly #alarm: Alarm;
  #config = 0x4127;
  #mask = 0;
  #ready = false;
  #shunt = 0;
  #bus = 0;
  #pointer = 0;
  #bytes = 0;
  #word = 0;
  #from = 0;

  constructor(mcu: RP2040, pins: SensorPins, drive: () => void) {
    this.pins = pins;
    this.#mcu = mcu;
    this.#drive = drive;
    this.#alarm = clockOf(mcu).createAlarm(() => this.#converted());
    this.#restart();
  }

  get pullsAlert(): boolean {
    return this.pins.alerts !== false && this.#ready && (this.#mask & CONVERSION_READY_ALERT) !== 0;
  }

  /** Addressed. */
  begin(): void {
    this.#bytes = 0;
  }

  write(byte: number): void {
    if (this.#bytes++ === 0) this.#pointer = byte;
    else this.#word = ((this.#word << 8) | byte) & 0xffff;
    if (this.#bytes === 3) this.#store(this.#word);
  }

  read(): number {
    const low = this.#bytes++ % 2 === 1;
    if (!low) this.#word = this.#register();
    return low ? this.#word & 255 : this.#word >> 8;
  }

  #store(word: number): void {
    if (this.#pointer === 0) {
      this.#config = word;
      this.#restart();
    } else if (this.#pointer === 6) this.#mask = word & ~CONVERSION_READY;
    else throw new Error(`INA226: register ${this.#pointer} is not written by this firmware`);
    this.#drive();
  }

  #register(): number {
    switch (this.#pointer) {
      case 0x00:
        return this.#config;
      case 0x01:
        return this.#shunt;
      case 0x02:
        return this.#bus;
      case 0x06: {
        const value = this.#mask | (this.#ready ? CONVERSION_READY : 0);
        this.#ready = false; // reading clears the flag and the alert (SBOS547, Mask/Enable register)
        this.#drive();
        return value;
      }
      case 0xfe:
        return 0x5449;
      case 0xff:
        return 0x2260;
      default:
        throw new Error(`INA226: register ${this.#pointer} is not modelled`);
    }
  }

  #restart(): void {
    this.#ready = false;
    this.#from = this.#mcu.clock.nanos;
    this.#alarm.schedule(this.#conversionNs());
  }

  get #plan(): ReadingPlan {
    const plan = readingPlan(this.#config);
    if (!plan) throw new Error("INA226: only shunt and bus together are modelled");
    return plan;
  }

  #conversionNs(): number {
    const { shuntUs, busUs, averages } = this.#plan;
    return (shuntUs + busUs) * averages * 1000 * this.pins.slowness;
  }

  /** Shunt and bus are looked at in turn, never together. */
  #converted(): void {
    const now = this.#mcu.clock.nanos;
    const mean = (input: "shunt" | "bus"): number => {
      const slots = slotsOf(this.#plan, input, this.#from, now);
      const means = slots.map(([from, to]) => this.pins.mean(from, to));
      return (
        means.reduce((sum, m) => sum + (input === "shunt" ? m.shuntV : m.busV), 0) / slots.length
      );
    };
    const shunt = Math.round(mean("shunt") / SHUNT_COUNT_V);
    this.#shunt = Math.max(-32768, Math.min(32767, shunt)) & 0xffff;
    this.#bus = Math.max(0, Math.min(32767, Math.round(mean("bus") / BUS_COUNT_V)));
    this.#ready = true;
    this.endsNs.push(now);
    this.#from = now;
    this.#alarm.schedule(this.#conversionNs());
    this.#drive();
  }
}
