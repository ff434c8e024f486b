// results.json of MLPerf Tiny's open runner (results v1.3): a list of trials, each with `power.samples`
// (Joules per sample of 1 ms; the file does not state the rate, the runner's is fixed at 1 kHz) and
// `power.timestamps` ([label, sample index] of trigger edges; the last two bound the published trial).
// The trials were taken minutes apart with no common clock, so they stand one after another in one
// stream with a gap of one second between them; that second is a placeholder, no measured time.

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import type { Edge, Mark, Note } from "../../../schema/records.ts";
import { instant } from "../../../schema/time.ts";
import type { ImportContext } from "../importer.ts";
import { readJson } from "../shared/json-file.ts";
import { counted } from "../shared/notes.ts";
import { rowLayout, rowSink, writeFinite } from "../shared/rows.ts";
import { readPublishedTrials } from "./tiny-log.ts";

const WHAT = "a list of trials with power.samples and power.timestamps";

interface Trial {
  /** Its place in the file, from 0. */
  readonly number: number;
  readonly name: string;
  readonly samples: Float64Array;
  /** Sample index of each edge. */
  readonly edges: readonly number[];
}

/** @throws InputError naming the trial that is not what it should be. */
export async function importOpenRunner(path: string, context: ImportContext): Promise<void> {
  const { trials, all, notes } = readTrials(path);
  const rig = await context.rig("mlperf-tiny-open");
  const layout = rowLayout(rig, 8, [{ name: "energy", bitOffset: 0, bits: 64, kind: "float" }]);
  const logPath = join(dirname(path), "log.txt");
  context.origin(path);
  if (existsSync(logPath)) context.origin(logPath);
  const out = context.create(
    {
      hostClock: "trace",
      hostEpoch: instant<"host">(0n),
      startUnix: null,
      labels: {
        format: "mlperf-tiny",
        capture: basename(dirname(path)),
        ...(existsSync(logPath) ? publishedOf(logPath, trials, all) : {}),
      },
    },
    rig,
  );
  const { rowHz } = rig.device;
  const sink = rowSink(out, layout, instant<"host">(0n));
  let first = 0;
  for (const [i, trial] of trials.entries()) {
    for (const edge of edgesOf(trial, first, layout.stream)) out.edge(edge);
    for (const mark of marksOf(trial, first, rowHz)) out.mark(mark);
    if (i > 0) sink.pause();
    const bad = writeFinite(sink, first, trial.samples);
    for (const note of lossNotes(trial, bad)) out.note(note);
    first += trial.samples.length + Math.round(rowHz);
    context.progress(i + 1, trials.length);
  }
  for (const note of notes) out.note(note);
  if (trials.length > 1)
    out.note({
      level: "info",
      text: `${path}: ${trials.length} trials without a common clock are placed one second apart; that second is not measured`,
    });
  out.close();
}

/** Those with power; a run may hold others, of accuracy or with the monitor off, and they are named. */
function readTrials(path: string): { trials: Trial[]; all: number; notes: Note[] } {
  const list: unknown = readJson(path, WHAT);
  if (!Array.isArray(list) || list.length === 0) throw inputError("no trials", path, WHAT);
  const trials: Trial[] = [];
  const without: number[] = [];
  for (const [i, item] of (list as (RawTrial | null)[]).entries()) {
    if (item && typeof item === "object" && (item.power ?? null) === null) without.push(i);
    else trials.push(readTrial(item, i, `${path}, trial ${i}`));
  }
  if (trials.length === 0) throw inputError("no trial with power", path, WHAT);
  const text = `${path}: no power in trial ${without.join(", ")} of 0 to ${list.length - 1}: left out`;
  return {
    trials,
    all: list.length,
    notes: without.length > 0 ? [{ level: "warning", text }] : [],
  };
}

/**
 * Published energies by the number of the window that they are of: a trial without power or edges has none.
 * The log counts all trials or those with power; where it has another count, nobody knows which is which.
 */
function publishedOf(
  logPath: string,
  trials: readonly Trial[],
  all: number,
): Record<string, string> {
  const published = readPublishedTrials(logPath);
  const count = Object.keys(published).length;
  if (count !== all && count !== trials.length) return {};
  const labels: Record<string, string> = {};
  let window = 0;
  for (const [i, { number, edges }] of trials.entries()) {
    if (edges.length < 2) continue;
    const joules = published[`published_trial_${(count === all ? number : i) + 1}_j`];
    window++;
    if (joules !== undefined) labels[`published_trial_${window}_j`] = joules;
  }
  return labels;
}

interface RawTrial {
  readonly power?: Readonly<Record<string, unknown>> | null;
  readonly file?: unknown;
}

function readTrial(item: RawTrial | null, number: number, where: string): Trial {
  const { power, file } = item ?? {};
  const samples = power?.samples;
  const stamps = power?.timestamps;
  if (!Array.isArray(samples) || samples.length === 0 || !Array.isArray(stamps))
    throw inputError("no samples or timestamps", where, WHAT);
  const values = new Float64Array(samples.length);
  for (const [i, v] of samples.entries()) {
    if (typeof v !== "number" && v !== null)
      throw inputError("bad sample", `${where}, sample ${i}`, "Joules", JSON.stringify(v));
    values[i] = typeof v === "number" ? v : NaN;
  }
  const edges = stamps.map((stamp: unknown, i) => {
    const index: unknown = Array.isArray(stamp) ? stamp[1] : undefined;
    if (typeof index !== "number" || index < 0 || index > samples.length)
      throw inputError(
        "bad timestamp",
        `${where}, timestamp ${i}`,
        `[label, sample index up to ${samples.length}]`,
        JSON.stringify(stamp),
      );
    return index;
  });
  if (edges.some((e, i) => i > 0 && e < edges[i - 1]!))
    throw inputError("timestamps go back", where, "rising sample indices", edges.join(", "));
  return { number, name: typeof file === "string" ? file : "", samples: values, edges };
}

function edgesOf(trial: Trial, first: number, stream: string): Edge[] {
  return trial.edges.map((index) => ({
    line: "trigger",
    stream,
    index: first + index,
    level: null,
  }));
}

/** Begin and end of the published trial, exact to the sample; none where an edge is missing. */
function marksOf(trial: Trial, first: number, rowHz: number): Mark[] {
  if (trial.edges.length < 2) return [];
  return trial.edges.slice(-2).map((index, i) => ({
    name: "trial",
    phase: i === 0 ? "begin" : "end",
    clock: "host",
    t: BigInt(Math.round(((first + index) / rowHz) * 1e9)),
    fields: { file: trial.name },
  }));
}

function lossNotes({ name, edges }: Trial, bad: number): Note[] {
  const notes = counted(`trial ${name}`, "loss", bad, "samples are not numbers");
  if (edges.length < 2)
    notes.push({
      level: "loss",
      text: `trial ${name}: ${edges.length} edges, so its window is unknown`,
      count: 1,
    });
  return notes;
}
