import { expect, test } from "@jest/globals";
import { loadMarks } from "../../../ingest/import/yang/load-stamps.ts";
import { random } from "../../../stats/random.ts";
import type { Note } from "../../../schema/records.ts";
import { type Instant, instant } from "../../../schema/time.ts";

const LOADS = 20;

/** On, off, on, off, …, end; ms, each stretch within 5 % of its kind. */
function stampsMs(onMs: number, offMs: number): number[] {
  const r = random(1, "stamps");
  const at = [0];
  for (let k = 0; k < 2 * LOADS - 1; k++)
    at.push(at.at(-1)! + (k % 2 === 0 ? onMs : offMs) * (0.95 + 0.1 * r.uniform()));
  return [...at, at.at(-1)! + 1050];
}

function marksWithout(ms: readonly number[], missing: readonly number[]) {
  const notes: Note[] = [];
  const kept = ms.filter((_, i) => !missing.includes(i));
  const ns = (t: number): Instant<"host"> => instant(BigInt(Math.round(t * 1e6)));
  const marks = loadMarks(kept.map(ns), "timestamps.csv", notes);
  // What each stamp that is left truly is.
  const isRight = marks.every(({ phase, t }) => {
    const i = ms.findIndex((x) => ns(x) === t);
    return phase === (i === ms.length - 1 ? "instant" : i % 2 === 0 ? "begin" : "end");
  });
  return { isRight, notes: notes.map((n) => n.text) };
}

const PATTERNS = [
  [50, 50],
  [50, 80],
  [300, 60],
] as const;

test.each(PATTERNS)("%d ms on, %d ms off: all stamps there, nothing is said", (on, off) => {
  expect(marksWithout(stampsMs(on, off), [])).toEqual({ isRight: true, notes: [] });
});

test.each(PATTERNS.slice(0, 2))(
  "%d ms on, %d ms off: one, two or three missing stamps swap nothing and are told",
  (on, off) => {
    const ms = stampsMs(on, off);
    for (const missing of [[7], [8], [7, 20], [8, 21], [9, 30], [4, 15, 33]]) {
      const { isRight, notes } = marksWithout(ms, missing);
      expect({ missing, isRight }).toEqual({ missing, isRight: true });
      expect(notes).toEqual([expect.stringMatching(/by the pattern of all others/)]);
    }
  },
);

test("an on and its off that are both missing are told, an off and the next on as well", () => {
  const ms = stampsMs(50, 80);
  const load = marksWithout(ms, [10, 11]);
  expect(load.isRight).toBe(true);
  expect(load.notes[0]).toMatch(
    /there are missing an on and its off between 0\.\d+ and .* no window/,
  );
  const pause = marksWithout(ms, [11, 12]);
  expect(pause.isRight).toBe(true);
  expect(pause.notes[0]).toMatch(/an off and the next on .* spans two loads and the pause between/);
});

test("loads without a pattern: an odd number of stamps is taken as it is", () => {
  const r = random(5, "irregular");
  let t = 0;
  const ms = Array.from({ length: 41 }, () => (t += 20 + 400 * r.uniform()));
  expect(marksWithout(ms, [])).toEqual({ isRight: true, notes: [] });
});
