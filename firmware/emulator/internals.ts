// What of rp2040js 1.4.1 its types keep private but a shim has to reach. Checked by nothing but the tests:
// the version is pinned for this reason.

import type { RP2040 } from "rp2040js";

export interface Alarm {
  schedule(delayNs: number): void;
  cancel(): void;
}

export interface SimulatedClock {
  readonly nanos: number;
  nanosCounter: number;
  readonly nextAlarm: { readonly nanos: number } | null;
  tick(ns: number): void;
  createAlarm(callback: () => void): Alarm;
}

export interface UsbInternals {
  addrEndp: number;
  sieStatus: number;
  intRaw: number;
  intEnable: number;
  buffStatus: number;
  epStatusStallNak: number;
  sofFrameNumber: number;
  epStallArm: number;
  checkInterrupts(): void;
  sieStatusUpdated(): void;
  indicateBufferReady(endpoint: number, out: boolean): void;
  DPRAMUpdated(offset: number, value: number): void;
  readUint32(offset: number): number;
  writeUint32(offset: number, value: number): void;
}

export interface I2cInternals {
  readonly txFIFO: { reset(): void };
  readonly rxFIFO: { reset(): void };
  state: number;
  busy: boolean;
  stop: boolean;
  pendingRestart: boolean;
  enable: number;
  intRaw: number;
  intEnable: number;
  checkInterrupts(): void;
}

export const i2cOf = (mcu: RP2040): I2cInternals => mcu.i2c[0] as unknown as I2cInternals;

export interface AdcInternals {
  updateDMA(): void;
}

export interface CoreInternals {
  readonly PC: number;
  readonly PM: boolean;
  readonly waiting: boolean;
  readonly pendingInterrupts: number;
  readonly enabledInterrupts: number;
  checkForInterrupts(): boolean;
}

export const coreOf = (mcu: RP2040): CoreInternals => mcu.core;
export const adcOf = (mcu: RP2040): AdcInternals => mcu.adc as unknown as AdcInternals;
export const clockOf = (mcu: RP2040): SimulatedClock => mcu.clock as unknown as SimulatedClock;
export const usbOf = (mcu: RP2040): UsbInternals => mcu.usbCtrl as unknown as UsbInternals;
