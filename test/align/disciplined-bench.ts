// The virtual bench with INA226 beside its rails, as a capture: what a recorder would have logged of a bench
// whose fast current path is off in gain and offset. The references' own errors are drawn from what the rig
// states of them, their readings taken from the truth in closed form, stamped late by a few ticks.

import { LogWriter } from "../../capture/log-writer.ts";
import { createRun } from "../../capture/new-run.ts";
import { BLOCK_ROWS, VirtualBench } from "../../virtual/bench/bench.ts";
import type { Faults } from "../../virtual/bench/faults.ts";
import { virtualBlocks, virtualClockPairs, virtualMarks } from "../../virtual/bench/host.ts";
import { railV, railW, SUPPLIES } from "../../virtual/bench/supply.ts";
import { type TrueWindow, trueWindows } from "../../virtual/bench/truth.ts";
import { encodeReadings, READING_BYTES, readingLayout } from "../../schema/wire/frame-records.ts";
import { readingPlan, slotsOf } from "../../schema/wire/ina226.ts";
import { random } from "../../stats/random.ts";
import type { Rail, Reference, Rig, Sensor } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";

export interface DisciplinedOptions {
  readonly seed: number;
  readonly durationS: number;
  /** Error of the fast current paths beyond what is drawn from the rig: true · gain + offset. */
  readonly currentError?: { readonly gain: number; readonly offsetA: number };
  readonly faults?: Partial<Faults>;
  /** The references are not there. */
  readonly mute?: boolean;
  /** Their ends are known to ± 2^n ticks only, and say so. */
  readonly endBound?: number;
}

const HOST_EPOCH = instant<"host">(86_400_000_000_000n);
const TICK_HZ = 1e6;
const CONFIG = 0x4327;
const POINTS = 32;

/** Writes `dir`/capture.mcap. @returns the true windows. */
export function writeDisciplined(dir: string, rig: Rig, o: DisciplinedOptions): TrueWindow[] {
  const rails = rig.rails.map((r) => ({ ...r, current: offBy(r.current!, o.currentError) }));
  const bench = new VirtualBench(
    { ...rig, rails },
    { seed: o.seed, durationS: o.durationS, faults: o.faults ?? {} },
  );
  const session: Session = {
    id: `disciplined-${o.seed}`,
    source: "virtual",
    hostClock: "monotonic",
    hostEpoch: HOST_EPOCH,
    startUnix: instant<"unix">(1_767_225_600_000_000_000n),
    software: "truejoule",
    labels: {},
  };
  const log = new LogWriter(createRun(dir).capture, session);
  log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
  const marks = virtualMarks(bench.hostWork, session);
  for (const pair of virtualClockPairs(bench, session)) log.clockPair(pair);
  for (const m of marks) log.mark(m);
  log.declareRows(bench.layout);
  for (const rail of rig.rails)
    if (rail.reference) log.declareRows(readingLayout(rail.reference.stream));
  const queues = rig.rails.flatMap((rail) =>
    rail.reference && !o.mute ? [readings(bench, rail, rail.reference, o)] : [],
  );
  const heads = queues.map((q) => q.next());
  for (const block of virtualBlocks(bench, session)) {
    // A reading is sent at once, a block when it is full: readings come before the rows that they cover.
    heads.forEach((head, i) => {
      for (
        ;
        !head.done && head.value.row < block.firstIndex + BLOCK_ROWS;
        heads[i] = head = queues[i]!.next()
      ) {
        const { number, tick, bytes } = head.value;
        const stamps = { hostBefore: block.hostBefore, hostAfter: block.hostAfter };
        const stream = rig.rails.flatMap((r) => r.reference?.stream ?? [])[i]!;
        log.rows({
          stream,
          firstIndex: number,
          deviceTick: tick,
          ...stamps,
          rows: 1,
          flags: 0,
          bytes,
        });
      }
    });
    log.rows({ ...block, deviceTick: BigInt(Math.floor(block.firstIndex * ticksPerRow(rig))) });
  }
  log.close();
  return trueWindows(bench, session, marks);
}

const ticksPerRow = (rig: Rig): number => TICK_HZ / rig.device.rowHz;

/** The sensor as it really is: fast = gain · true + offset by the stated line. */
function offBy(s: Sensor, error: DisciplinedOptions["currentError"]): Sensor {
  if (!error) return s;
  const perCount = s.perCount / error.gain;
  return { ...s, perCount, zeroCount: s.zeroCount + error.offsetA / s.perCount };
}

interface Sent {
  readonly row: number;
  readonly number: number;
  readonly tick: bigint;
  readonly bytes: Uint8Array;
}

function* readings(
  bench: VirtualBench,
  rail: Rail,
  { current, voltage, stream }: Reference,
  { seed, durationS, endBound }: DisciplinedOptions,
): Generator<Sent> {
  const r = random(seed, `reference ${stream}`);
  const ends = random(seed, `ends ${stream}`);
  const uncertain = (): number =>
    endBound === undefined ? 0 : Math.round((2 * ends.uniform() - 1) * 2 ** endBound);
  const line = (s: Sensor | undefined): [gain: number, offset: number] =>
    s ? [1 + s.gainU * r.normal(), s.offsetU * r.normal()] : [1, 0];
  const [shunt, bus] = [line(current), line(voltage)];
  const plan = readingPlan(CONFIG)!;
  const nominalNs = (plan.shuntUs + plan.busUs) * plan.averages * 1e3;
  const lengthNs = nominalNs * (1 + 0.05 * (2 * r.uniform() - 1));
  let fromNs = bench.clock.startNs + 2e6 + 5e6 * r.uniform();
  for (let number = 0; fromNs + lengthNs < durationS * 1e9 - 20e6; number++, fromNs += lengthNs) {
    const endNs = fromNs + lengthNs;
    const mean = (input: "shunt" | "bus"): number =>
      meanOf(bench, rail, input, slotsOf(plan, input, fromNs, endNs));
    const counts = (
      value: number,
      [gain, offset]: [number, number],
      s: Sensor | undefined,
    ): number => Math.round((value * gain + offset) / (s?.perCount ?? 1) + 0.4 * r.normal());
    const row = (endNs - bench.clock.startNs) / bench.clock.periodNs;
    const tick = BigInt(
      Math.floor(row * ticksPerRow(bench.rig) + 5 + 10 * r.uniform()) + uncertain(),
    );
    const reading = {
      endTick: tick,
      durationTicks: nominalNs / 1e3,
      number,
      shunt: counts(mean("shunt"), shunt, current),
      bus: counts(mean("bus"), bus, voltage),
      config: CONFIG,
      address: 0x40,
      status: endBound === undefined ? 0 : 4 | (endBound << 3),
    };
    const bytes = encodeReadings([reading], 0, 0).subarray(16, 16 + READING_BYTES);
    yield { row, number, tick, bytes };
  }
}

function meanOf(
  bench: VirtualBench,
  rail: Rail,
  input: "shunt" | "bus",
  slots: readonly (readonly [number, number])[],
): number {
  const supply = SUPPLIES.find((s) => s.name === rail.name)!;
  let sum = 0;
  for (const [from, to] of slots)
    for (let k = 0; k < POINTS; k++) {
      const w = railW(supply, bench.trace.at(from + ((k + 0.5) * (to - from)) / POINTS));
      const v = railV(supply, w);
      sum += input === "bus" ? v : w / v;
    }
  return sum / (POINTS * slots.length);
}
