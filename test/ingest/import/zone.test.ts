// Local times in the hours that clocks repeat or skip.

import { expect, test } from "@jest/globals";
import { zone } from "../../../ingest/import/shared/zone.ts";
import { instant } from "../../../schema/time.ts";

const london = zone("Europe/London");
const iso = (t: bigint): string => new Date(Number(t / 1_000_000n)).toISOString();
const at = (text: string) => instant<"unix">(BigInt(Date.parse(text)) * 1_000_000n);

test("an hour that clocks repeat means the instant nearest to what is known, else the first", () => {
  const halfPastOne = [2023, 10, 29, 1, 30, 0, 0] as const;
  expect(iso(london.toUnix(halfPastOne))).toBe("2023-10-29T00:30:00.000Z");
  expect(iso(london.toUnix(halfPastOne, at("2023-10-29T01:29:59Z")))).toBe(
    "2023-10-29T01:30:00.000Z",
  );
  expect(iso(london.toUnix(halfPastOne, at("2023-10-29T00:30:01Z")))).toBe(
    "2023-10-29T00:30:00.000Z",
  );
});

test("other times have one meaning, whatever is near, in zones of half hours too", () => {
  const far = at("2020-01-01T00:00:00Z");
  expect(iso(london.toUnix([2023, 7, 8, 19, 28, 27, 5e6], far))).toBe("2023-07-08T18:28:27.005Z");
  expect(iso(zone("Asia/Kolkata").toUnix([2023, 7, 8, 0, 0, 0, 0]))).toBe(
    "2023-07-07T18:30:00.000Z",
  );
  // 01:30 was skipped: an hour later by the clock of before.
  expect(iso(london.toUnix([2024, 3, 31, 1, 30, 0, 0]))).toBe("2024-03-31T01:30:00.000Z");
});
