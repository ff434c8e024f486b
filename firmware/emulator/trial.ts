// One run of the emulated board, as fast as this machine can, for a test to examine: a process of its own,
// since Jest's sandbox would slow the emulator down. In: an image and a scenario. Out, in a folder:
// stream.bin (what the device sent), counts.bin (every conversion in order, u16), truth.json.
//     node --import ./scripts/ts-register.mjs firmware/emulator/trial.ts IMAGE OUT_FOLDER SCENARIO_JSON

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeCommand, encodeConfigure } from "../../schema/wire/frame-commands.ts";
import { random } from "../../stats/random.ts";
import { Board } from "./board.ts";
import type { UsbLink } from "./usb-host.ts";
import type { Pins, SensorPins } from "./pins.ts";
import { firstAtOrAfter } from "../../stats/search.ts";

export interface Scenario {
  readonly rowHz: number;
  readonly mask: number;
  /** Of streaming, virtual. */
  readonly seconds: number;
  /** The host asks for nothing from `atS` after the start, for `ms`. */
  readonly stall?: { readonly atS: number; readonly ms: number };
  /** The processor stands still; converter and DMA go on. */
  readonly freeze?: { readonly atS: number; readonly ms: number };
  /** The host stops at `atS` and starts again; the processor then stands still for `ms` from the first sample on. */
  readonly again?: { readonly atS: number; readonly ms: number };
  /** Trigger edges a second, on average. */
  readonly edgesHz: number;
  /** They come for so long, then rest; as long as it streams when left out. */
  readonly edgesS?: number;
  readonly seed: number;
  readonly link?: UsbLink;
  /** INA226 chips; one at 0x40, 0.4 % slow, its alert wired, when left out. */
  readonly sensors?: readonly Pick<SensorPins, "address" | "slowness" | "alerts">[];
}

export interface Truth {
  readonly sha256: string;
  readonly usbErrors: readonly string[];
  readonly packets: number;
  readonly naks: number;
  /** ns of each edge since power-up, and the first row that began at or after it. */
  readonly edges: readonly { readonly tNs: number; readonly row: number; readonly level: number }[];
  readonly rows: number;
  /** When each INA226's conversions ended, ns since power-up. */
  readonly conversionsNs: readonly {
    readonly address: number;
    readonly endsNs: readonly number[];
  }[];
  readonly firstRowNs: number;
  readonly asleep: number;
  readonly instructions: number;
  readonly virtualS: number;
  readonly wallS: number;
  readonly cpuS: number;
}

const READY_NS = 300e6;
const SETTLE_NS = 20e6;

/** Sines of their own frequency on every input: a sample out of place shows. */
function wave(): (input: number, tNs: number) => number {
  const table = new Uint16Array(4096).map((_, i) => 2048 + 1800 * Math.sin((i * Math.PI) / 2048));
  return (input, tNs) => table[Math.floor(tNs * (0.0041 + 0.0013 * input)) & 4095]!;
}

function edgeTimes(s: Scenario): number[] {
  const r = random(s.seed, "edges");
  const out: number[] = [];
  let t = READY_NS + SETTLE_NS + 5e6;
  const end = READY_NS + SETTLE_NS + (s.edgesS ?? s.seconds) * 1e9;
  while (s.edgesHz > 0 && (t += 3_000 + r.exponential(1e9 / s.edgesHz)) < end) out.push(t);
  return out;
}

/** Collects what the device sends and what it sampled, and runs the scenario's script. */
function runTrial(
  image: Uint8Array,
  s: Scenario,
): { stream: Buffer; counts: Uint16Array; truth: Truth } {
  const chunks: Uint8Array[] = [];
  const hash = createHash("sha256");
  const most = Math.ceil((s.seconds + 1) * 500_000);
  const counts = new Uint16Array(most);
  const rowNs = new Float64Array(most);
  let [n, rows] = [0, 0];
  const first = Math.log2(s.mask & -s.mask);
  const value = wave();
  const pins: Pins = {
    adc: (input, tNs) => (counts[n++] = value(input, tNs)),
    edgesNs: edgeTimes(s),
    sensors: (s.sensors ?? [{ address: 0x40, slowness: 1.004 }]).map((chip) => ({
      ...chip,
      mean: () => ({ shuntV: 0.0123, busV: 12.05 }),
    })),
  };
  const board = new Board({
    image,
    pins,
    link: s.link ?? {},
    onData: (b) => {
      chunks.push(b.slice());
      hash.update(b);
    },
    onSample: (input, tNs) => {
      if (input === first) rowNs[rows++] = tNs;
    },
    limitNs: READY_NS + SETTLE_NS + (s.seconds + 2) * 1e9,
  });
  board.run(READY_NS);
  board.usb.send(encodeConfigure({ rowHz: s.rowHz, mask: s.mask, bits: 12 }, 1));
  board.run(READY_NS + SETTLE_NS);
  board.usb.send(encodeCommand(0x44, 2));
  const [wall, cpu, from] = [performance.now(), process.cpuUsage(), board.nowNs];
  script(board, s, from, () => n);
  const used = process.cpuUsage(cpu);
  const virtualS = (board.nowNs - from) / 1e9;
  board.usb.send(encodeCommand(0x45, 3));
  board.run(board.nowNs + 200e6); // what waits is taken
  const edges = Array.from(pins.edgesNs, (tNs, i) => ({
    tNs,
    row: firstAtOrAfter(rowNs.subarray(0, rows), tNs),
    level: i % 2 === 0 ? 1 : 0,
  }));
  const truth: Truth = {
    sha256: hash.digest("hex"),
    usbErrors: board.usb.errors,
    packets: board.usb.packetsIn,
    naks: board.usb.naks,
    edges,
    rows,
    conversionsNs: pins.sensors.map(({ address }, i) => ({
      address,
      endsNs: board.sensors.chips[i]!.endsNs,
    })),
    firstRowNs: rowNs[0]!,
    asleep: board.asleepNs / board.nowNs,
    instructions: board.instructions,
    virtualS,
    wallS: (performance.now() - wall) / 1e3,
    cpuS: (used.user + used.system) / 1e6,
  };
  return { stream: Buffer.concat(chunks), counts: counts.subarray(0, n), truth };
}

function script(board: Board, s: Scenario, from: number, samples: () => number): void {
  if (s.stall) {
    board.run(from + s.stall.atS * 1e9);
    board.usb.stall(true);
    board.run(board.nowNs + s.stall.ms * 1e6);
    board.usb.stall(false);
  }
  if (s.freeze) {
    board.run(from + s.freeze.atS * 1e9);
    board.freeze(s.freeze.ms * 1e6);
  }
  if (s.again) {
    board.run(from + s.again.atS * 1e9);
    board.usb.send(encodeCommand(0x45, 4));
    board.run(board.nowNs + SETTLE_NS);
    const before = samples();
    board.usb.send(encodeCommand(0x44, 5));
    while (samples() === before) board.run(board.nowNs + 1e3);
    board.freeze(s.again.ms * 1e6);
  }
  board.run(from + s.seconds * 1e9);
}

const [imagePath, out, scenario] = process.argv.slice(2);
const { stream, counts, truth } = runTrial(
  new Uint8Array(readFileSync(imagePath!)),
  JSON.parse(scenario!) as Scenario,
);
writeFileSync(join(out!, "stream.bin"), stream);
writeFileSync(join(out!, "counts.bin"), counts);
writeFileSync(join(out!, "truth.json"), JSON.stringify(truth));
