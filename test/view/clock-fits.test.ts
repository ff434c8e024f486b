// Which clock models a report shows.

import { expect, test } from "@jest/globals";
import type { AlignDocument } from "../../schema/documents/align.ts";
import type { CompareDocument } from "../../schema/documents/compare.ts";
import { clockFits } from "../../view/documents.ts";

const compared = (clock: Partial<CompareDocument["clock"]>): CompareDocument =>
  ({ clock: { device: "daq:main", method: "arrival", tick_hz: 1e5, ...clock } }) as CompareDocument;
const aligned = (...clocks: readonly string[]): AlignDocument =>
  ({ clocks: clocks.map((clock) => ({ clock })) }) as unknown as AlignDocument;

test("align.json's, else compare.json's, else none: a run without a device has no clock of 0 Hz", () => {
  const none = compared({ device: "none", method: "none", tick_hz: 0 });
  expect(clockFits(aligned("a", "b"), compared({})).map((c) => c.clock)).toEqual(["a", "b"]);
  expect(clockFits(null, compared({})).map((c) => c.clock)).toEqual(["daq:main"]);
  expect(clockFits(aligned(), none)).toEqual([]);
  expect(clockFits(null, null)).toEqual([]);
});
