// The virtual host: when its calls return. In: the bench. Out: blocks, reads, marks and clock pairs
// with the stamps a real recorder would have taken, each a generator in order of time.
// Holds: a stamp is never before what it reports; lateness and call times are drawn, not zero.

import { type Random, random } from "../../stats/random.ts";
import {
  BlockFlag,
  type ClockPair,
  type Mark,
  type SampleBlock,
  type TelemetryRead,
} from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant, later, type SessionNs } from "../../schema/time.ts";
import { BLOCK_ROWS, type VirtualBench } from "./bench.ts";
import type { VirtualTelemetry } from "./telemetry.ts";
import type { HostWork } from "./trigger.ts";

const US = 1e3;
const MS = 1e6;

/** Blocks as a USB read gives them: complete once their last row is sampled, then some latency. */
export function* virtualBlocks(
  b: VirtualBench,
  session: Pick<Session, "hostEpoch">,
): Generator<SampleBlock> {
  const r = random(b.options.seed, "usb");
  // Device and driver buffers delay all blocks alike; the rig's start uncertainty covers it.
  const buffersNs = Math.abs(b.rig.device.clock.startU * 1e9 * 0.5 * r.normal());
  let [after, lost] = [0, false];
  for (let k = 0; k < b.blocks; k++) {
    const firstIndex = k * BLOCK_ROWS;
    const completeNs = b.clock.rowNs(firstIndex + BLOCK_ROWS) + buffersNs;
    after = Math.max(after + 5 * US, completeNs + usbLatencyNs(r));
    const before = after - 4 * US - r.exponential(30 * US);
    if (b.lostBlocks.has(k)) {
      lost = true;
      continue;
    }
    yield {
      stream: b.layout.stream,
      firstIndex,
      deviceTick: null,
      hostBefore: later(session.hostEpoch, before),
      hostAfter: later(session.hostEpoch, after),
      rows: BLOCK_ROWS,
      flags: lost ? BlockFlag.gapBefore : 0,
      bytes: rowBytes(b, firstIndex),
    };
    lost = false;
  }
}

function rowBytes(b: VirtualBench, firstIndex: number): Uint8Array {
  const words = new Uint16Array((BLOCK_ROWS * b.layout.rowBytes) >> 1);
  b.fillRows(firstIndex, BLOCK_ROWS, words);
  return new Uint8Array(words.buffer);
}

/** Mostly a fraction of a millisecond; now and then the host is busy. */
function usbLatencyNs(r: Random): number {
  const busy = r.uniform() < 0.002 ? r.exponential(5 * MS) : 0;
  return 120 * US + r.exponential(120 * US) + busy;
}

/** One poller: every `periodNs` all of `channels`, one after the other. */
interface Grid {
  readonly name: string;
  readonly periodNs: number;
  readonly callNs: readonly [least: number, mean: number];
  readonly channels: readonly VirtualTelemetry[];
}

/** The energy counter blocks for 3 ms in the median and up to 34 ms (H100), so it has a grid of its own. */
export function pollGrids(b: VirtualBench): Grid[] {
  const of = (kind: string) => b.telemetry.filter((t) => t.kind.kind === kind);
  const power: Grid = {
    name: "fast",
    periodNs: 10 * MS,
    callNs: [60 * US, 60 * US],
    channels: of("windowed"),
  };
  const counters: Grid = {
    name: "slow",
    periodNs: 50 * MS,
    callNs: [2.2 * MS, 1.2 * MS],
    channels: of("counter"),
  };
  return [power, counters].filter((g) => g.channels.length > 0);
}

/** NVML_ERROR_UNKNOWN. */
const READ_FAILED = 999;

export function* virtualReads(
  b: VirtualBench,
  session: Session,
  grid: Grid,
): Generator<TelemetryRead> {
  const r = random(b.options.seed, `poll ${grid.name}`);
  const phaseNs = grid.periodNs * r.uniform();
  const endNs = b.options.durationS * 1e9;
  let now = 0;
  for (let due = phaseNs; due < endNs; due += grid.periodNs) {
    // A tick that could not start within its period is dropped, never bunched.
    if (now > due + grid.periodNs) continue;
    now = Math.max(now, due + 15 * US + r.exponential(40 * US));
    for (const t of grid.channels) {
      const before = now;
      now += grid.callNs[0] + r.exponential(grid.callNs[1]);
      const failed = r.uniform() < b.faults.failedReads;
      const value = t.valueAt(before + (now - before) * r.uniform());
      yield {
        channel: t.channel.name,
        before: later(session.hostEpoch, before),
        after: later(session.hostEpoch, now),
        stamp: null,
        value: failed ? NaN : value,
        code: failed ? READ_FAILED : 0,
      };
      now += 1 * US;
    }
  }
}

/** Marks of the host program: begin and end of each span, and `sync` around each change of the trigger line. */
export function virtualMarks({ seed, spans, stamps }: HostWork, session: Session): Mark[] {
  const r = random(seed, "marks");
  const at = (ns: SessionNs): bigint => later(session.hostEpoch, ns);
  const work = spans.flatMap((s): Mark[] => [
    {
      name: s.name,
      phase: "begin",
      clock: "host",
      t: at(s.submitNs - r.exponential(2 * US)),
      fields: s.fields,
    },
    { name: s.name, phase: "end", clock: "host", t: at(s.doneNs + 6 * US + r.exponential(6 * US)) },
  ]);
  const sync = stamps.map((s): Mark => ({
    name: "sync",
    phase: s.level === 1 ? "begin" : "end",
    clock: "host",
    t: at(s.tNs),
    fields: { half_ns: Math.round(s.halfNs) },
  }));
  return [...work, ...sync].sort((x, y) => (x.t < y.t ? -1 : x.t > y.t ? 1 : 0));
}

/** Once a second, as a recorder does. */
export function* virtualClockPairs(b: VirtualBench, session: Session): Generator<ClockPair> {
  for (let s = 0; s <= b.options.durationS; s++) {
    const mono = later(session.hostEpoch, s * 1e9);
    const unix = instant<"unix">(session.startUnix! + BigInt(s) * 1_000_000_000n);
    yield { mono, unix, boot: mono };
  }
}
