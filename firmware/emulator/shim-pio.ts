// rp2040js 1.4.1 shim, PIO. Its state machines run from setTimeout, so at the mercy of the host's event
// loop. Here they run when a pin changes, at that simulated instant, until all of them wait: right for
// programs that wait for pins, whose few cycles are below the timer's resolution.

import type { RP2040, RPPIO } from "rp2040js";

/** A program that never waits would hang the emulator. */
const MOST_STEPS = 64;

export function shimPio(mcu: RP2040): void {
  for (const pio of mcu.pio) {
    pio.run = () => settle(pio);
    pio.step = () => {
      for (const m of pio.machines) if (m.enabled) m.step();
      pio.checkChangedPins();
    };
  }
  for (const pin of mcu.gpio) {
    const set = pin.setInputValue.bind(pin);
    pin.setInputValue = (value) => {
      set(value);
      for (const pio of mcu.pio) if (!pio.stopped) settle(pio);
    };
  }
}

function settle(pio: RPPIO): void {
  for (let step = 0; pio.machines.some((m) => m.enabled && !m.waiting); step++) {
    if (step === MOST_STEPS) throw new Error("a PIO program does not come to wait for anything");
    pio.step();
  }
}
