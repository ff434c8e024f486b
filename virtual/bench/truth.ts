// What an analysis of a virtual capture ought to find. In: the bench and its marks. Out: true Joules of
// every window, and what was drawn for clock, sensors and telemetry, for tests and for truth.json.
// Holds: computed from the model in closed form, never from the rows.

import type { Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import type { SessionNs } from "../../schema/time.ts";
import type { VirtualBench } from "./bench.ts";
import type { VirtualTelemetry } from "./telemetry.ts";
import { endsOf } from "../../stats/places.ts";

export interface Truth {
  readonly seed: number;
  /** True Joules through the rig's rails between two session instants; exact to rounding. */
  energyJ(t0Ns: SessionNs, t1Ns: SessionNs): number;
  readonly windows: readonly TrueWindow[];
  readonly bench: VirtualBench;
  readonly lostRows: number;
}

export interface TrueWindow {
  /** As marks pair: `gemm-1`, `load-1` …; `load` from the first load's begin to the last one's end. */
  readonly name: string;
  readonly t0Ns: SessionNs;
  readonly t1Ns: SessionNs;
  readonly energyJ: number;
  readonly railsJ: Readonly<Record<string, number>>;
}

/** Windows as energy/ pairs them from the marks. */
export function trueWindows(
  bench: VirtualBench,
  session: Session,
  marks: readonly Mark[],
): TrueWindow[] {
  const spans = new Map<string, { t0: number; t1: number }[]>();
  for (const m of marks) {
    if (m.name === "sync") continue;
    const t = Number(m.t - session.hostEpoch);
    const list = spans.get(m.name) ?? [];
    spans.set(m.name, list);
    if (m.phase === "begin") list.push({ t0: t, t1: NaN });
    else endsOf(list)[1].t1 = t;
  }
  const windows = [...spans].flatMap(([name, list]) =>
    list.map(({ t0, t1 }, i) => trueWindow(bench, `${name}-${i + 1}`, t0, t1)),
  );
  const load = spans.get("load");
  if (load) {
    const [first, last] = endsOf(load);
    windows.push(trueWindow(bench, "load", first.t0, last.t1));
  }
  return windows.sort((a, b) => a.t0Ns - b.t0Ns || b.t1Ns - a.t1Ns);
}

function trueWindow(b: VirtualBench, name: string, t0Ns: number, t1Ns: number): TrueWindow {
  const rails = b.rig.rails.map((r) => [r.name, b.railEnergyJ(r.name, t0Ns, t1Ns)] as const);
  return { name, t0Ns, t1Ns, energyJ: b.energyJ(t0Ns, t1Ns), railsJ: Object.fromEntries(rails) };
}

/** What was drawn, in the words of the log: snake_case, units in the names. */
export function truthJson(
  bench: VirtualBench,
  windows: readonly TrueWindow[],
  lostRows: number,
): string {
  const { clock, trigger, options, boardSensor } = bench;
  return JSON.stringify({
    schema: "truth/1",
    seed: options.seed,
    clock: { first_row_ns: clock.startNs, row_period_ns: clock.periodNs },
    trigger: { edges: trigger.edgesNs.length, lost: trigger.lost, extra: trigger.extra },
    lost_rows: lostRows,
    sensors: bench.sensors.map(({ truth }) => ({
      rail: truth.rail,
      quantity: truth.quantity,
      gain_error: truth.gainError,
      offset_error: truth.offsetError,
      noise_counts: truth.noiseCounts,
    })),
    board_sensor: { gain: boardSensor.gain, offset_w: boardSensor.offsetW },
    telemetry: bench.telemetry.map(channelJson),
    windows: windows.map((w) => ({
      name: w.name,
      t0_ns: w.t0Ns,
      t1_ns: w.t1Ns,
      energy_j: w.energyJ,
      rails_j: w.railsJ,
    })),
  });
}

function channelJson({ kind, phaseNs }: VirtualTelemetry): object {
  const common = { channel: kind.name, kind: kind.kind, phase_ns: phaseNs };
  if (kind.kind === "counter")
    return { ...common, sample_ns: kind.sampleNs, filter_tau_ns: kind.filterTauNs };
  return {
    ...common,
    period_ns: kind.periodNs,
    window_ns: kind.windowNs,
    delay_ns: kind.delayNs,
  };
}
