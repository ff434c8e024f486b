// What the log sees, as it comes → what a page shows of it: buckets of every series, reads, windows with
// Joules, the DAQ's clock, losses. In: records (cli taps them in while recording). Out: fields to read at
// any time. Holds: fixed memory; one decoding pass per block; nothing here touches the recording.

import { Calibrator } from "../../align/rows/calibrate.ts";
import { withDeviceSkew } from "../../align/rows/device-skew.ts";
import {
  BlockFlag,
  type ClockExchange,
  type Edge,
  type Mark,
  type Note,
  type RowLayout,
  type SampleBlock,
  type TelemetryChannel,
} from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import { elapsedNs, instant, type SessionNs } from "../../schema/time.ts";
import { valueAt } from "../../stats/places.ts";
import { Channel, CLAIM } from "./claims.ts";
import { type Grid, GridWatch } from "./grid-watch.ts";
import { LiveWindows } from "./live-windows.ts";
import { Pyramid, rowsPerBucket } from "./pyramid.ts";
import { RowClock } from "./row-clock.ts";
import { RunningEnergy } from "./running-energy.ts";
import type { LiveSeries } from "../live-data.ts";

/** Columns of telemetry reads, as the sampler hands them over (nvml/batch.ts). */
export interface ReadColumns {
  readonly count: number;
  readonly before: BigInt64Array;
  readonly after: BigInt64Array;
  /** Unix ns; below 0 where the source gave none. */
  readonly stamp: BigInt64Array;
  readonly value: Float64Array;
  readonly channel: Uint16Array;
}

/** Kept for the page; older ones are in the log. */
const KEPT_NOTES = 200;
const KEPT_GAPS = 100;
const KEPT_EDGES = 200;

export class LiveFeed {
  /** As declared, with the device's skews once it has stated them. */
  rig: Rig;
  readonly session: Session;
  readonly clock: RowClock;
  readonly energy: RunningEnergy;
  readonly rowsPerBucket: number;
  series: readonly LiveSeries[] = [];
  channels: readonly Channel[] = [];
  /** Names of the channels whose claims stand beside a window's Joules. */
  claims: readonly string[] = [];
  windows: LiveWindows;
  pyramid: Pyramid | null = null;
  readonly notes: Note[] = [];
  /** Rows [from, to) that never came, and rows at which a trigger line changed. */
  readonly gaps: (readonly [number, number])[] = [];
  readonly edges: number[] = [];
  /** Counts what came, so that a sender can tell what is new. */
  readonly count = { shapes: 0, notes: 0, marks: 0 };
  #grids: readonly GridWatch[] = [];
  /** By the channel whose read begins its tick. */
  #gridOf: ReadonlyMap<number, GridWatch> = new Map();
  #calibrator: Calibrator | null = null;
  #layout: RowLayout | null = null;
  #columns: readonly Float64Array[] = [];
  #flags = new Uint8Array(0);
  #clippedBefore = 0;

  constructor(rig: Rig, session: Session) {
    this.rig = rig;
    this.session = session;
    this.clock = new RowClock(session.hostEpoch, rig.device);
    this.energy = new RunningEnergy(rig.device);
    this.rowsPerBucket = rowsPerBucket(rig.device.rowHz);
    this.windows = this.#newWindows();
  }

  /** Nanoseconds since session start, now. */
  nowNs(): SessionNs {
    return elapsedNs(instant<"host">(process.hrtime.bigint()), this.session.hostEpoch);
  }

  get lateness() {
    return this.#grids.map((g) => g.lateness);
  }

  /** @param said device.json. Rows may have come before it, in the read that brought its last answer. */
  device(said: Uint8Array): void {
    this.rig = withDeviceSkew(this.rig, said).rig;
    if (this.#layout) this.#fit(this.#layout, this.#flags.length);
  }

  declareRows(layout: RowLayout): void {
    if (layout.stream !== this.rig.device.stream) return;
    this.#layout = layout;
    this.series = seriesOf(this.#fit(layout, 1024));
    this.count.shapes++;
  }

  /** @throws InputError when the rig names channels that the device does not have. */
  #fit(layout: RowLayout, rows: number): Calibrator {
    const c = new Calibrator(layout, this.rig, rows);
    this.#clippedBefore += this.#calibrator?.clippedRows ?? 0;
    this.#calibrator = c;
    this.#flags = new Uint8Array(rows);
    const of = (pick: (r: (typeof c.rails)[number]) => Float64Array | null) =>
      c.rails.map(pick).filter((column) => column !== null);
    this.#columns = [
      c.totalW,
      ...of((r) => r.powerW),
      ...of((r) => r.voltageV),
      ...of((r) => r.currentA),
    ];
    return c;
  }

  rows(block: SampleBlock): void {
    const layout = this.#layout;
    let calibrator = this.#calibrator;
    if (block.stream !== this.rig.device.stream || !layout || !calibrator) return;
    this.clock.block(block);
    // Late and repeated blocks would have to be drawn into the past: the log has them, the page a gap.
    if (block.flags & (BlockFlag.duplicate | BlockFlag.reordered)) return;
    if (block.rows > this.#flags.length) calibrator = this.#fit(layout, 2 * block.rows);
    this.pyramid ??= new Pyramid(this.#columns.length, this.rowsPerBucket, block.firstIndex);
    this.#flags.fill(0, 0, block.rows);
    calibrator.read(block, this.#flags);
    const missingFrom = this.energy.end;
    if (block.firstIndex > missingFrom) keep(this.gaps, [missingFrom, block.firstIndex], KEPT_GAPS);
    this.energy.add(calibrator.totalW, block.firstIndex, block.rows);
    this.pyramid.add(this.#columns, block.firstIndex, block.rows);
  }

  exchange(e: ClockExchange): void {
    if (e.stream === this.rig.device.stream) this.clock.exchange(e);
  }

  edge(e: Edge): void {
    if (e.index !== undefined) keep(this.edges, e.index, KEPT_EDGES);
  }

  note(n: Note): void {
    if (n.level === "info") return;
    keep(this.notes, n, KEPT_NOTES);
    this.count.notes++;
  }

  /** Marks on other clocks wait for `fuse`, which fits those. */
  mark(m: Mark): void {
    this.count.marks++;
    if (m.clock !== "host") return;
    this.windows.mark(m, elapsedNs(instant<"host">(m.t), this.session.hostEpoch));
  }

  /** Before the first reads. */
  declareTelemetry(channels: readonly TelemetryChannel[], grids: readonly Grid[]): void {
    this.channels = channels.map((c) => new Channel(c));
    this.#grids = grids.map((g) => new GridWatch(g));
    const ticking = this.#grids.filter((g) => g.grid.channels > 0);
    this.#gridOf = new Map(ticking.map((g) => [g.grid.firstChannel, g]));
    this.claims = channels.map((c) => c.name).filter((name) => CLAIM.test(name));
    this.windows = this.#newWindows();
    this.count.shapes++;
  }

  reads(batch: ReadColumns): void {
    const epoch = this.session.hostEpoch;
    const unixEpoch = this.session.startUnix;
    for (const [i, at] of batch.channel.entries()) {
      const channel = valueAt(this.channels, at);
      const [before, after] = [valueAt(batch.before, i), valueAt(batch.after, i)];
      const stamp = valueAt(batch.stamp, i);
      this.#gridOf.get(at)?.tick(before);
      // Only samples out of the driver's own buffer have a time of their own (docs/telemetry.md).
      const own = channel.about.name.endsWith("power_samples") && unixEpoch !== null;
      const tNs =
        own && stamp > 0n
          ? Number(stamp - unixEpoch)
          : (Number(before - epoch) + Number(after - epoch)) / 2;
      channel.add(tNs, valueAt(batch.value, i));
    }
  }

  /** Lets windows catch up. */
  settle(nowNs: SessionNs): void {
    this.windows.settle(nowNs);
  }

  /** Rows with a saturated channel so far. */
  get clippedRows(): number {
    return this.#clippedBefore + (this.#calibrator?.clippedRows ?? 0);
  }

  /** Mean power over the last second, W; NaN before there is one. */
  get powerW(): number {
    const end = this.energy.end - 2;
    const secondBefore = this.energy.at(end - this.rig.device.rowHz) ?? NaN;
    return (this.energy.at(end) ?? NaN) - secondBefore; // J over 1 s
  }

  #newWindows(): LiveWindows {
    const claims = this.channels.filter((c) => CLAIM.test(c.about.name));
    return new LiveWindows(
      [(t) => this.#joulesAt(t), ...claims.map((c) => (t: SessionNs) => c.joulesAt(t))],
      () => this.energy.missingRows,
    );
  }

  #joulesAt(tNs: SessionNs): number | undefined {
    return Number.isNaN(this.energy.end) ? undefined : this.energy.at(this.clock.rowAt(tNs));
  }
}

function seriesOf(c: Calibrator): LiveSeries[] {
  const has = (column: "voltageV" | "currentA") => c.rails.filter((r) => r[column] !== null);
  return [
    { name: "total", role: "total", unit: "W" },
    ...c.rails.map(({ name }): LiveSeries => ({ name, role: "power", unit: "W" })),
    ...has("voltageV").map(({ name }): LiveSeries => ({ name, role: "voltage", unit: "V" })),
    ...has("currentA").map(({ name }): LiveSeries => ({ name, role: "current", unit: "A" })),
  ];
}

function keep<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}
