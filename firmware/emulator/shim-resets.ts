// rp2040js 1.4.1 shim, resets. There every block is always out of reset; on the chip a block says it is
// done only while the clock it runs on is there, so that waiting for one without a clock never ends (RP2040
// datasheet, 2.14; the SDK takes these seven out of reset only when the clocks run, runtime_init.c).

import type { RP2040 } from "rp2040js";
import { i2cOf, usbOf } from "./internals.ts";

const ENABLE = 1 << 11;
const RESET_DONE = 8;
/** RESETS bits by the generator's control register (2.15.7), for blocks on another clock than clk_sys. */
const CLOCKED: readonly (readonly [ctrl: number, blocks: number])[] = [
  [0x48, (0b11 << 16) | (0b11 << 22)], // clk_peri: SPI, UART
  [0x54, 1 << 24], // clk_usb
  [0x60, 1 << 0], // clk_adc
  [0x6c, 1 << 15], // clk_rtc
];

const [I2C0, USBCTRL] = [1 << 3, 1 << 24];

export function shimResets(mcu: RP2040): void {
  const resets = mcu.peripherals[0x4000c]!;
  const clocks = mcu.peripherals[0x40008]!;
  const write = resets.writeUint32.bind(resets);
  resets.writeUint32 = (offset, value) => {
    write(offset, value);
    if (read(0) & I2C0) resetI2c(mcu);
    if (read(0) & USBCTRL) resetUsb(mcu);
  };
  const read = resets.readUint32.bind(resets);
  resets.readUint32 = (offset) => {
    if (offset !== RESET_DONE) return read(offset);
    const stopped = CLOCKED.filter(([ctrl]) => !(clocks.readUint32(ctrl) & ENABLE));
    return stopped.reduce((done, [, blocks]) => done & ~blocks, ~read(0) & 0x01ffffff);
  };
}

/** The pull-up goes with the rest: the host sees the device go. Its dual-port RAM keeps what it holds. */
function resetUsb(mcu: RP2040): void {
  const usb = usbOf(mcu);
  for (const register of [0x00, 0x40, 0x4c, 0x74, 0x78]) usb.writeUint32(register, 0);
  Object.assign(usb, { intEnable: 0, intRaw: 0, buffStatus: 0, sieStatus: 0 });
  Object.assign(usb, { epStallArm: 0, epStatusStallNak: 0 });
  usb.checkInterrupts();
}

/** A transaction under way is forgotten; the registers are set up again by whoever asked for it. */
function resetI2c(mcu: RP2040): void {
  const i2c = i2cOf(mcu);
  i2c.txFIFO.reset();
  i2c.rxFIFO.reset();
  Object.assign(i2c, { state: 0, busy: false, stop: false, pendingRestart: false });
  Object.assign(i2c, { enable: 0, intRaw: 0, intEnable: 0 });
  i2c.checkInterrupts();
}
