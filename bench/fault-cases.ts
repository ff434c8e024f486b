// The fault matrix: for each kind of device, what happens to it, to its line or to its host. Frames and lines
// vanish, double and change places in the simulator (virtual/daq/faults.ts), bytes in the pipe between.

import type { PipeFault, PipeFaultKind } from "./fault-pipe.ts";
import { UNIT } from "./fault-units.ts";

export type DeviceName = "wire" | "text" | "text-no-counter" | "powersensor3" | "pmd-usb" | "ppk2";

export interface FaultCase {
  readonly device: DeviceName;
  readonly name: string;
  /** Of the simulator: `kind@seconds:n`. */
  readonly faults?: readonly string[];
  readonly pipe?: readonly PipeFault[];
  readonly act?: "end device" | "stop device" | "stop host";
}

/** Bytes a second: a fault of the pipe comes after about two of them. */
const BYTES_PER_S: Readonly<Record<DeviceName, number>> = {
  wire: 120_000,
  text: 6_000,
  "text-no-counter": 6_000,
  powersensor3: 360_000,
  "pmd-usb": 86_000,
  ppk2: 400_000,
};
/** Bytes of a frame or a line, about. */
const SIZE: Readonly<Record<DeviceName, number>> = {
  ...UNIT,
  ...{ wire: 3112, text: 40, "text-no-counter": 40 },
};
const PACKET = 64;

type Part = readonly [kind: PipeFaultKind, n: number];

/** @param into bytes of a frame that go before, where frames have one size. */
const pipeAt = (device: DeviceName, name: string, into: number, parts: readonly Part[]) => {
  const unit = UNIT[device];
  const place = (i: number): number => {
    const at = (2 + 0.2 * i) * BYTES_PER_S[device];
    return unit === undefined ? at : Math.floor(at / unit) * unit + into;
  };
  const faults = parts.map(([kind, n], i): PipeFault => ({
    ...{ kind, n, at: place(i) },
    ...(unit === undefined ? {} : { unit }),
  }));
  return { device, name, pipe: faults };
};

/** In the midst of a frame. */
const pipe = (device: DeviceName, name: string, ...parts: readonly Part[]): FaultCase =>
  pipeAt(device, name, Math.min(7, SIZE[device] - 1), parts);

/** Of every device. */
const common = (device: DeviceName): FaultCase[] => {
  const unit = SIZE[device];
  return [
    { device, name: "none" },
    pipe(device, "garbage", ["garbage", 3000]),
    pipe(device, "garbage of one unit", ["garbage", unit]),
    pipe(device, "flipped bits", ["flip", 20]),
    pipe(device, "bytes dropped", ["drop", Math.round(7.3 * unit)]),
    pipe(device, "one byte dropped", ["drop", 1]),
    pipe(device, "as many bytes as a unit dropped", ["drop", unit]),
    pipe(device, "a unit cut short", ["drop", Math.max(1, unit >> 1)]),
    pipe(device, "zeros", ["zero", 5 * unit]),
    pipe(device, "drop, garbage and flips", ["drop", 3 * unit + 1], ["garbage", 77], ["flip", 3]),
    pipe(device, "a packet of 64 bytes sent again", ["duplicate", PACKET]),
    {
      device,
      name: "host reads nothing for 400 ms",
      pipe: [{ kind: "hold", n: 400, at: 2 * BYTES_PER_S[device] }],
    },
    { device, name: "reset", faults: ["restart@2"] },
    { device, name: "unplugged for 700 ms", faults: ["unplug@2:700"] },
    { device, name: "unplugged for good", act: "end device" },
    { device, name: "host stopped for 1 s", act: "stop host" },
  ];
};

const WIRE: FaultCase[] = [
  { device: "wire", name: "frames lost", faults: ["lose@2:4"] },
  { device: "wire", name: "many frames lost", faults: ["lose@2:60"] },
  { device: "wire", name: "frames doubled", faults: ["duplicate@2:3"] },
  { device: "wire", name: "frames in wrong order", faults: ["swap@2:2"] },
  {
    device: "wire",
    name: "wrong order, doubled, lost",
    faults: ["swap@2:3", "duplicate@2:3", "lose@2:3"],
  },
  { device: "wire", name: "stall", faults: ["stall@2:400"] },
  { device: "wire", name: "device stopped for 1 s", act: "stop device" },
  { device: "wire", name: "reset in the midst of a loss", faults: ["lose@1.99:3", "restart@2"] },
  { device: "wire", name: "reset twice", faults: ["restart@1.5", "restart@5"] },
  { device: "wire", name: "unplugged twice", faults: ["unplug@1.2:300", "unplug@3:300"] },
];

const lines = (device: DeviceName): FaultCase[] => [
  pipe(device, "lines lost", ["drop", Math.round(0.4 * BYTES_PER_S[device])]),
  pipe(device, "lines doubled", ["double", 10]),
  pipe(device, "overlong line", ["overlong", 600]),
  pipe(device, "line ends lost", ["join", 2]),
];

/** Devices of frames without a number: their counter turns over. */
const frames = (device: DeviceName): FaultCase[] => [
  pipeAt(device, "frames lost", 0, [["drop", 200 * SIZE[device]]]),
  pipeAt(device, "one frame lost", 0, [["drop", SIZE[device]]]),
  pipeAt(device, "frames doubled", 0, [["double", 10]]),
  pipeAt(device, "ten frames sent again", 0, [["duplicate", 10 * SIZE[device]]]),
];

export const CASES: readonly FaultCase[] = [
  ...common("wire"),
  ...WIRE,
  ...common("text"),
  ...lines("text"),
  pipe("text", "a wrong digit in three counters", ["digit", 3]),
  ...common("text-no-counter"),
  ...lines("text-no-counter"),
  ...common("powersensor3"),
  ...frames("powersensor3"),
  ...common("pmd-usb"),
  ...frames("pmd-usb"),
  ...common("ppk2"),
  ...frames("ppk2"),
];
