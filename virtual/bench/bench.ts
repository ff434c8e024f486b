// The virtual bench: one seed and a rig file → a card at work, its rails, its sensors, its DAQ and its
// telemetry. In: rig, seed, duration or schedule. Out: rows of counts by index, telemetry by instant,
// true Joules by interval. Holds: pure; any row can be asked for in any order and is the same each time.

import { random } from "../../stats/random.ts";
import type { RowLayout } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { type VirtualCard, virtualCard } from "./card.ts";
import { TILE, VirtualClock } from "./device-clock.ts";
import { type Faults, LOAD_W, lostBlocks, NO_FAULTS } from "./faults.ts";
import { Lag } from "./lag.ts";
import { NoiseTable } from "./noise.ts";
import type { PowerTrace } from "./power.ts";
import type { Schedule } from "./schedule.ts";
import {
  ADC_BITS,
  type Quantity,
  type SensorSide,
  type VirtualSensor,
  virtualSensor,
} from "./sensor.ts";
import { STATED_ERRORS, type SensorErrors } from "./sensor-errors.ts";
import {
  type BoardSensor,
  drawBoardSensor,
  HOPPER,
  type TelemetryKind,
  type VirtualTelemetry,
  virtualTelemetry,
} from "./telemetry.ts";
import { type HostWork, type TriggerLine, triggerLine } from "./trigger.ts";
import { mixedWork } from "./workloads.ts";
import { firstAbove } from "../../stats/search.ts";

export interface BenchOptions {
  readonly seed: number;
  /** Session length, s, at least 1. */
  readonly durationS: number;
  /** What the card does; else a mix of everything. */
  readonly schedule?: Schedule;
  readonly telemetry?: readonly TelemetryKind[];
  readonly boardSensor?: BoardSensor;
  readonly faults?: Partial<Faults>;
  /** How its sensors err; else as the rig states. */
  readonly sensorErrors?: Partial<SensorErrors>;
  /** The trigger line is driven from outside: its edges come by {@link VirtualBench.edge}. */
  readonly outsideLine?: boolean;
}

/** Rows the device sends at once: 5.12 ms at 100 kHz, a few USB packets. */
export const BLOCK_ROWS = 512;
const TRIGGER_BIT = 15;

export class VirtualBench {
  readonly rig: Rig;
  readonly options: BenchOptions;
  readonly faults: Faults;
  readonly schedule: Schedule;
  readonly trace: PowerTrace;
  readonly clock: VirtualClock;
  readonly trigger: TriggerLine;
  readonly sensors: readonly VirtualSensor[];
  readonly telemetry: readonly VirtualTelemetry[];
  readonly boardSensor: BoardSensor;
  readonly layout: RowLayout;
  /** Whole blocks sampled before the session ends, and those among them that never arrive. */
  readonly blocks: number;
  readonly lostBlocks: ReadonlySet<number>;
  readonly #card: VirtualCard;
  readonly #filters: readonly Filter[];
  /** Edges of the trigger line at their places between rows; the line is low before the first. */
  readonly edgeRows: number[];
  /** Edges that came when their rows had been given out. */
  lateEdges = 0;
  #filledRows = -Infinity;
  readonly #tile = new Uint16Array(TILE * 16);
  #cachedTile = -1;

  /** @throws InputError when the rig has a rail that the virtual card has not. */
  constructor(rig: Rig, options: BenchOptions) {
    const { seed, durationS } = options;
    this.rig = rig;
    this.options = options;
    this.faults = { ...NO_FAULTS, ...options.faults };
    this.schedule = options.schedule ?? mixedWork(seed, durationS);
    this.#card = virtualCard(rig, this.schedule);
    this.trace = this.#card.trace;
    const noise = new NoiseTable(seed);
    // Streaming begins some tens of milliseconds after the session does.
    const startNs = 20e6 + 30e6 * random(seed, "start").uniform();
    this.clock = new VirtualClock(rig.device.clock, seed, startNs, noise);
    this.blocks = Math.floor(this.clock.rowAt(durationS * 1e9) / BLOCK_ROWS);
    this.lostBlocks = lostBlocks(seed, this.blocks, (k) => this.#lossOf(k));
    const spans = options.outsideLine ? [] : this.schedule.spans;
    this.trigger = triggerLine(spans, seed, this.faults);
    this.edgeRows = Array.from(this.trigger.edgesNs, (t) => this.#placeOf(t));
    this.sensors = this.#makeSensors({
      seed,
      noise,
      errors: { ...STATED_ERRORS, ...options.sensorErrors },
      rows: Math.max(1, this.blocks * BLOCK_ROWS),
    });
    this.#filters = this.#makeFilters();
    this.layout = layoutOf(rig, this.sensors);
    this.boardSensor = options.boardSensor ?? drawBoardSensor(seed);
    this.telemetry = (options.telemetry ?? HOPPER).map((kind) =>
      virtualTelemetry(kind, this.trace, this.boardSensor, seed),
    );
  }

  get hostWork(): HostWork {
    return {
      seed: this.options.seed,
      spans: this.schedule.spans,
      stamps: this.trigger.stamps,
    };
  }

  /** True Joules through all rails of the rig between two session instants; exact to rounding. */
  energyJ(t0Ns: number, t1Ns: number): number {
    return this.#card.energyJ(t0Ns, t1Ns);
  }

  railEnergyJ(rail: string, t0Ns: number, t1Ns: number): number {
    return this.#card.railEnergyJ(rail, t0Ns, t1Ns);
  }

  /** The outside line changes; in time order. A change that comes late is seen late, where rows still can show it. */
  edge(tNs: number): void {
    const row = this.#placeOf(tNs);
    if (row < this.#filledRows) this.lateEdges++;
    this.edgeRows.push(Math.max(row, this.#filledRows));
  }

  /** Row count at an instant, with its fraction. */
  #placeOf(tNs: number): number {
    const after = this.clock.rowAt(tNs);
    const [t0, t1] = [this.clock.rowNs(after - 1), this.clock.rowNs(after)];
    return after - 1 + (tNs - t0) / (t1 - t0);
  }

  /** Writes `rows` rows from `firstIndex` on, as the device would send them, `layout.rowBytes` each. */
  fillRows(firstIndex: number, rows: number, out: Uint16Array): void {
    const stride = this.layout.rowBytes >> 1;
    for (let done = 0; done < rows;) {
      const index = firstIndex + done;
      const tile = Math.floor(index / TILE);
      if (tile !== this.#cachedTile) this.#fillTile(tile, stride);
      const from = index - tile * TILE;
      const n = Math.min(TILE - from, rows - done);
      out.set(this.#tile.subarray(from * stride, (from + n) * stride), done * stride);
      done += n;
    }
  }

  #fillTile(tile: number, stride: number): void {
    const row = tile * TILE;
    const t0 = this.clock.tileNs(tile);
    const step = (this.clock.tileNs(tile + 1) - t0) / TILE;
    for (const { power, boardW, behind } of this.#filters) {
      power.fill(t0, step, boardW);
      for (const [at, sensor] of behind)
        sensor.fill(boardW, row, { words: this.#tile, at, stride });
    }
    this.#raiseTrigger(row, stride);
    this.#filledRows = Math.max(this.#filledRows, row + TILE);
    this.#cachedTile = tile;
  }

  /** Sets the trigger bit in word 0 of the tile's rows where the line is high. */
  #raiseTrigger(row: number, stride: number): void {
    const edges = this.edgeRows;
    let next = firstAbove(edges, row);
    if (next === edges.length && (next & 1) === 0) return;
    for (let k = 0; k < TILE; k++) {
      while ((edges[next] ?? Infinity) <= row + k) next++;
      if (next & 1) this.#tile[k * stride]! |= 1 << TRIGGER_BIT;
    }
  }

  /** Probability that a block never arrives. */
  #lossOf(block: number): number {
    const { lostBlocks: always, lostLoadBlocks: loaded } = this.faults;
    if (loaded === 0) return always;
    const row = block * BLOCK_ROWS;
    for (let k = 0; k < BLOCK_ROWS; k += 16)
      if (this.trace.at(this.clock.rowNs(row + k)) > LOAD_W) return Math.max(always, loaded);
    return always;
  }

  #makeSensors(side: SensorSide): VirtualSensor[] {
    const quantities: readonly Quantity[] = ["voltage", "current", "power"];
    return this.rig.rails.flatMap((rail) => {
      const supply = this.#card.supply(rail.name);
      return quantities.flatMap((quantity) => {
        const sensor = rail[quantity];
        if (!sensor) return [];
        return [virtualSensor({ rail: rail.name, quantity, sensor, supply }, side)];
      });
    });
  }

  #makeFilters(): Filter[] {
    const found = new Map<number, Filter>();
    for (const [word, sensor] of this.sensors.entries()) {
      const { tauNs } = sensor;
      const power = tauNs > 0 ? new Lag(this.trace, tauNs) : this.trace;
      const filter = found.get(tauNs) ?? { power, boardW: new Float64Array(TILE), behind: [] };
      filter.behind.push([word, sensor]);
      found.set(tauNs, filter);
    }
    return [...found.values()];
  }
}

/** Board power as sensors of one bandwidth see it, its watts in the tile at hand, and those sensors by their word. */
interface Filter {
  readonly power: PowerTrace | Lag;
  readonly boardW: Float64Array;
  readonly behind: (readonly [word: number, sensor: VirtualSensor])[];
}

/** One 16-bit word a channel, 12 bits used; the trigger input is the top bit of the first. */
function layoutOf(rig: Rig, sensors: readonly VirtualSensor[]): RowLayout {
  const field = (name: string, bitOffset: number, bits: number) =>
    ({ name, bitOffset, bits, kind: "uint" }) as const;
  return {
    stream: rig.device.stream,
    rowBytes: 2 * sensors.length,
    fields: sensors.map((s, word) => field(s.truth.field, 16 * word, ADC_BITS)),
    trigger: field("trigger", TRIGGER_BIT, 1),
  };
}
