// A PowerSensor3 dump: `marker time dt_micro device_timestamp`, then `currentN voltageN powerN` of each
// pair in use and `power_total`; one line a set, 20,000 a second. `device_timestamp` is the ten-bit
// microsecond counter of the device, the row's tick; `time` is the host's time of arrival, seconds in six
// significant digits, and goes into the log as the host stamps of each block. A line `M c`, or a
// character other than S in the first column, is a mark; `M start end tag "name"` an interval.
// Written after the host software (nlesc-recruit/PowerSensor3); not tested on a real dump.

import { basename } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import type { Mark, Note, RowField } from "../../../schema/records.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import type { ImportContext } from "../importer.ts";
import { readLines, secondsToNs, toNumber, UNIX_FROM_NS } from "../shared/lines.ts";
import { type HostStamp, presentRails, rowSink } from "../shared/rows.ts";
import { counted, cutLines } from "../shared/notes.ts";
import { RowTail, timedSession } from "../shared/text-log.ts";
import { textLayout, textRows } from "../shared/text-rows.ts";

const WHAT = "a PowerSensor3 dump";
/** micros() & 0x3FF (device/PowerSensor/PowerSensor.ino). */
const DEVICE_TICK: RowField = { name: "device_timestamp", bitOffset: 0, bits: 10, kind: "uint" };
const FIXED = ["marker", "time", "dt_micro", "device_timestamp"];
/** Sets arrive this late, and later; the clocks differ by far less than 0.1 %. */
const ARRIVAL_NS = 2_000_000n;

type Entry =
  | {
      readonly kind: "row";
      readonly letter: string;
      readonly t: bigint;
      readonly text: string;
      readonly tick: bigint;
      readonly values: Float64Array;
    }
  | { readonly kind: "letter"; readonly letter: string }
  | { readonly kind: "interval"; readonly name: string; readonly from: bigint; readonly to: bigint }
  | { readonly kind: "cut" };

/** @param header the words of the first line. @throws InputError when they are not a dump's. */
export async function importPs3Dump(
  path: string,
  header: readonly string[],
  context: ImportContext,
): Promise<void> {
  const columns = header.slice(FIXED.length);
  if (FIXED.some((name, i) => header[i] !== name) || columns.length < 4)
    throw inputError(
      "unknown header",
      `${path}:1`,
      `${FIXED.join(" ")} current0 …`,
      header.join(" "),
    );
  const survey = surveyDump(path, columns.length);
  const notes: Note[] = [...survey.notes];
  const rig = presentRails(await context.rig("powersensor3"), columns, notes);
  const layout = textLayout(rig, columns, DEVICE_TICK);
  context.origin(path);
  const start = survey.marks.reduce((least, m) => (m.t < least ? m.t : least), survey.first);
  const unix = survey.first >= UNIX_FROM_NS;
  const log = context.create(
    // Relative or not, `time` is the host's clock and the rows count on another one.
    timedSession(start, unix, { format: "powersensor3", capture: basename(path) }, "monotonic"),
    rig,
  );
  for (const mark of survey.marks) log.mark(mark);
  const rows = textRows(rowSink(log, layout, null), layout, path);
  for (const entry of entries(path, columns.length, (d, n) => context.progress(d, n)))
    if (entry.kind === "row") rows.add(entry.tick, entry.values, arrival(entry.t, entry.text));
  for (const note of [...notes, ...rows.end()]) log.note(note);
  log.close();
}

interface Survey {
  readonly first: bigint;
  readonly marks: readonly Mark[];
  readonly notes: readonly Note[];
}

function surveyDump(path: string, columns: number): Survey {
  const marks: Mark[] = [];
  const waiting: string[] = [];
  let first: bigint | undefined;
  let last = 0n;
  let cut = 0;
  let back = 0;
  let lastTick: bigint | undefined;
  let deviceNs = 0n;
  let resolutionNs = 0n;
  for (const entry of entries(path, columns)) {
    if (entry.kind === "cut") cut++;
    else if (entry.kind === "letter") waiting.push(entry.letter);
    else if (entry.kind === "interval")
      marks.push(
        { name: entry.name, phase: "begin", clock: "host", t: entry.from },
        { name: entry.name, phase: "end", clock: "host", t: entry.to },
      );
    else {
      if (entry.letter !== "S") waiting.push(entry.letter);
      // The device carries a mark in the first set after it; its line stands before that set's line.
      for (const letter of waiting.splice(0))
        marks.push({ name: letter, phase: "instant", clock: "host", t: entry.t });
      first ??= entry.t;
      if (entry.t < last) back++;
      last = entry.t;
      deviceNs += 1000n * ((entry.tick - (lastTick ?? entry.tick)) & 1023n);
      lastTick = entry.tick;
      const [lo, hi] = arrival(entry.t, entry.text);
      if (hi - lo > resolutionNs) resolutionNs = hi - lo;
    }
  }
  if (first === undefined) throw inputError("no sample in it", path, WHAT);
  const notes: Note[] = [
    ...cutLines(path, cut),
    ...counted(path, "warning", back, "lines go back in time"),
  ];
  const lostNs = last - first - deviceNs;
  if (lostNs > resolutionNs + ARRIVAL_NS + (last - first) / 1000n)
    notes.push({
      level: "loss",
      text: `${path}: the host's time runs ${Number(lostNs) / 1e6} ms further than the device's: sets are missing where its counter hides them`,
    });
  return { first, marks, notes };
}

function* entries(
  path: string,
  columns: number,
  progress?: ImportContext["progress"],
): Generator<Entry> {
  const values = new Float64Array(columns);
  const tail = new RowTail();
  for (const line of readLines(path, WHAT, progress)) {
    const { text, number } = line;
    if (number === 1 || text.trim() === "") continue;
    const cells = text.trim().split(/\s+/);
    if (cells[0] === "M" && cells.length === 2) {
      yield { kind: "letter", letter: cells[1]! };
      continue;
    }
    const interval = /^M\s+(\S+)\s+(\S+)\s+\d+\s+"(.*)"\s*$/.exec(text);
    const [from, to] = [secondsToNs(interval?.[1] ?? ""), secondsToNs(interval?.[2] ?? "")];
    if (from !== undefined && to !== undefined) {
      yield { kind: "interval", name: interval![3]! || "mark", from, to };
      continue;
    }
    const t = secondsToNs(cells[1] ?? "");
    const tick = /^\d{1,4}$/.test(cells[3] ?? "") ? BigInt(cells[3]!) & 1023n : undefined;
    const whole = cells.length === FIXED.length + columns && !tail.isCut(line);
    if (t === undefined || tick === undefined || !whole) {
      yield { kind: "cut" };
      continue;
    }
    tail.kept(line);
    for (let k = 0; k < columns; k++) values[k] = toNumber(cells[FIXED.length + k]!) ?? NaN;
    yield { kind: "row", letter: cells[0]!, t, text: cells[1]!, tick, values };
  }
}

/** The printed time, give or take half of its last digit: six significant ones, trailing zeros dropped. */
function arrival(t: bigint, text: string): HostStamp {
  const whole = text.replace(/^-?0*/, "").split(".")[0]!.length;
  const decimals = Math.max(text.split(".")[1]?.length ?? 0, 6 - whole, 0);
  const half = 10n ** BigInt(Math.max(0, 9 - decimals)) / 2n;
  return [instant<"host">(t - half), instant<"host">(t + half)] satisfies [
    Instant<"host">,
    Instant<"host">,
  ];
}
