// rp2040js 1.4.1 shim, converter. Its round robin masks the channel with the wrong constant, so that
// inputs 0 to 3 all read input 0 (wokwi/rp2040js #141); a stopped conversion chain can come back to life.
// Here the inputs come from `pins`, sampled at the beginning of each conversion.

import type { RP2040 } from "rp2040js";
import type { Pins } from "./pins.ts";

const START_MANY = 8;
const CONVERSION_NS = 2000; // 96 clocks of 48 MHz (RP2040 datasheet, 4.9.2)

/** @param onSample told of every conversion as it begins. */
export function shimAdc(
  mcu: RP2040,
  pins: Pins,
  onSample?: (input: number, tNs: number) => void,
): void {
  const { adc, clock } = mcu;
  Object.defineProperty(adc, "activeChannel", {
    get: () => (adc.cs >> 12) & 7,
    set: (channel: number) => (adc.cs = (adc.cs & ~(7 << 12)) | (channel << 12)),
  });
  adc.onADCRead = (input) => {
    const tNs = clock.nanos;
    onSample?.(input, tNs);
    adc.currentChannel = input;
    adc.channelValues[input] = pins.adc(input, tNs);
    adc.sampleAlarm.schedule(CONVERSION_NS);
  };
  const write = adc.writeUint32.bind(adc);
  adc.writeUint32 = (offset, value) => {
    if (offset === 0 && !(value & START_MANY)) adc.multiShotAlarm.cancel();
    write(offset, value);
  };
}
