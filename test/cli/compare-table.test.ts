// What `compare` prints of a window whose rows were not all seen.

import { expect, test } from "@jest/globals";
import { printTable } from "../../cli/compare.ts";
import { makeUi } from "../../cli/command.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";

const printed = (run: Partial<MadeRun>): string => {
  const lines: string[] = [];
  const ui = { ...makeUi(false, true), print: (text: string) => void lines.push(text) };
  withRun({ seconds: 4, powerW: () => 100, windows: [["a", 1, 3]], ...run }, (path) => {
    const { windows, list } = compare(prepare(path));
    printTable(windows, list.count, "hardware", ui);
  });
  return lines.join("\n");
};

test("Joules that bridge a gap are told beside the window's, with their share of its time", () => {
  // Rows of 1 kHz: between those at 1.5 s and 2 s there are none.
  const text = printed({ lost: [1501, 2000] });
  expect(text).toMatch(
    / {4}of it 50\.000 J not observed: the estimate for 25\.0 % of the window's time\n?/,
  );
});

test("of rows that were all seen, or a pause in which none were taken, nothing is told", () => {
  for (const run of [{}, { lost: [1501, 2000] as const, pause: true }])
    expect(printed(run)).not.toContain("not observed");
});
