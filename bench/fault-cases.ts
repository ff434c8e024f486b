// The fault matrix: for each kind of device, what happens to it, to its line or to its host. Frames and lines
// vanish, double and change places in the simulator (rigs/virtual-daq/faults.ts), bytes in the pipe between.

import type { PipeFault, PipeFaultKind } from "./fault-pipe.ts";

export type DeviceName = "wire" | "text" | "text-no-counter" | "powersensor3" | "pmd-usb" | "ppk2";

export interface FaultCase {
  readonly device: DeviceName;
  readonly name: string;
  /** Of the simulator: `kind@seconds:n`. */
  readonly faults?: readonly string[];
  readonly pipe?: readonly PipeFault[];
  readonly act?: "kill device" | "stop device" | "stop host";
  /** Why what is counted as lost may be more than what was: in words. Absent: to the row. */
  readonly bound?: string;
}

const BEGAN_ANEW =
  "the device began anew: what it lost on the way down it does not tell, the pause is counted by the host's clock";
const GUESSED = "without a counter the host's clock counts what is missing, to some rows";

const TURNS_GUESSED =
  "its counter turns within the host's delays: the turns of a gap are guessed, and each begins a segment";
const SINGLE =
  "a frame lost singly cannot be told from a late one; a longer gap may be a turn of the counter longer";

/** Bytes a second: a fault of the pipe comes after about two of them. */
const BYTES_PER_S: Readonly<Record<DeviceName, number>> = {
  wire: 120_000,
  text: 6_000,
  "text-no-counter": 4_500,
  powersensor3: 360_000,
  "pmd-usb": 86_000,
  ppk2: 400_000,
};

const pipe = (
  device: DeviceName,
  name: string,
  ...faults: readonly (readonly [PipeFaultKind, number])[]
): FaultCase => ({
  device,
  name,
  pipe: faults.map(([kind, n], i) => ({ kind, n, at: (2 + 0.2 * i) * BYTES_PER_S[device] })),
});

/** Of every device. */
const common = (device: DeviceName, unit: number): FaultCase[] => [
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
  {
    device,
    name: "host reads nothing for 400 ms",
    pipe: [{ kind: "hold", n: 400, at: 2 * BYTES_PER_S[device] }],
  },
  { device, name: "unplugged for 700 ms", faults: ["unplug@2:700"], bound: BEGAN_ANEW },
  { device, name: "killed", act: "kill device" },
  { device, name: "host stopped for 1 s", act: "stop host" },
];

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
  { device: "wire", name: "reset", faults: ["restart@2"], bound: BEGAN_ANEW },
  {
    device: "wire",
    name: "reset in the midst of a loss",
    faults: ["lose@1.99:3", "restart@2"],
    bound: BEGAN_ANEW,
  },
  {
    device: "wire",
    name: "reset twice",
    faults: ["restart@1.4", "restart@2"],
    bound: BEGAN_ANEW,
  },
  {
    device: "wire",
    name: "unplugged twice",
    faults: ["unplug@1.2:300", "unplug@3:300"],
    bound: BEGAN_ANEW,
  },
];

const lines = (device: DeviceName): FaultCase[] => [
  pipe(device, "lines lost", ["drop", Math.round(0.4 * BYTES_PER_S[device])]),
  pipe(device, "lines doubled", ["double", 10]),
  pipe(device, "overlong line", ["overlong", 600]),
  pipe(device, "line ends lost", ["join", 2]),
  { device, name: "reset", faults: ["restart@2"], bound: BEGAN_ANEW },
];

export const CASES: readonly FaultCase[] = [
  ...common("wire", 1100),
  ...WIRE,
  ...common("text", 36),
  ...lines("text"),
  pipe("text", "a wrong digit in three counters", ["digit", 3]),
  ...[...common("text-no-counter", 28), ...lines("text-no-counter")].map((c) => ({
    bound: GUESSED,
    ...c,
  })),
  ...common("powersensor3", 18),
  pipe("powersensor3", "sets lost", ["drop", 200 * 18]),
  { device: "powersensor3", name: "reset", faults: ["restart@2"], bound: BEGAN_ANEW },
  ...common("pmd-usb", 18).map((c) => ({ ...c, ...(c.pipe && { bound: SINGLE }) })),
  pipe("pmd-usb", "frames lost", ["drop", 200 * 18]),
  { device: "pmd-usb", name: "reset", faults: ["restart@2"], bound: BEGAN_ANEW },
  ...common("ppk2", 4).map((c) => ({ bound: TURNS_GUESSED, ...c })),
  { ...pipe("ppk2", "samples lost", ["drop", 200 * 4]), bound: TURNS_GUESSED },
  { device: "ppk2", name: "reset", faults: ["restart@2"], bound: BEGAN_ANEW },
];
