// rp2040js 1.4.1 shim, converter. Its round robin masks the channel with the wrong constant, so that
// inputs 0 to 3 all read input 0 (wokwi/rp2040js #141); a stopped conversion chain can come back to life.
// Here the inputs come from `pins`, sampled at the beginning of each conversion.

import type { RP2040 } from "rp2040js";
import { adcOf } from "./internals.ts";
import type { Pins } from "./pins.ts";

const START_MANY = 8;
const CONVERSION_NS = 2000; // 96 clocks of 48 MHz (RP2040 datasheet, 4.9.2)

export interface AdcShim {
  /** Told of every conversion as it begins. */
  readonly onSample?: ((input: number, tNs: number) => void) | undefined;
  /** A paced run begins when the divider first comes round: the datasheet leaves open whether it does. */
  readonly firstLate?: boolean | undefined;
}

/** @returns what holds the DMA off the FIFO, and lets it come back. */
export function shimAdc(mcu: RP2040, pins: Pins, shim: AdcShim): (starved: boolean) => void {
  const { adc, clock } = mcu;
  Object.defineProperty(adc, "activeChannel", {
    get: () => (adc.cs >> 12) & 7,
    set: (channel: number) => (adc.cs = (adc.cs & ~(7 << 12)) | (channel << 12)),
  });
  adc.onADCRead = (input) => {
    const tNs = clock.nanos;
    shim.onSample?.(input, tNs);
    adc.currentChannel = input;
    adc.channelValues[input] = pins.adc(input, tNs);
    adc.sampleAlarm.schedule(CONVERSION_NS);
  };
  const write = adc.writeUint32.bind(adc);
  adc.writeUint32 = (offset, value) => {
    if (offset === 0 && !(value & START_MANY)) adc.multiShotAlarm.cancel();
    const begins = offset === 0 && (value & START_MANY) !== 0 && !(adc.cs & START_MANY);
    if (begins && shim.firstLate && adc.clockDiv !== 0) {
      write(offset, value & ~START_MANY);
      adc.cs |= START_MANY;
      adc.multiShotAlarm.schedule((adc.divider * 1000) / 48);
    } else write(offset, value);
  };
  let starved = false;
  const inside = adcOf(mcu);
  const update = inside.updateDMA.bind(inside);
  inside.updateDMA = () => {
    if (!starved) update();
  };
  return (on) => {
    starved = on;
    inside.updateDMA();
  };
}
