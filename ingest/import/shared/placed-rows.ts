// The rows of a file in the order that their times say, and what is told of those that stood elsewhere.

import { InputError } from "../../../schema/errors.ts";
import type { Note } from "../../../schema/records.ts";
import { counted } from "./notes.ts";
import type { Leap, Placement, TimedRow } from "./row-order.ts";

/** A row where it belongs. */
export interface PlacedRow<T> {
  readonly row: T;
  /** By which the time leapt since the row before, ns; mostly 0. */
  readonly leapNs: number;
}

/**
 * Rows as they are to be written; undefined in the place of one that was left out. An entry that is no row
 * has no number.
 * @param read the rows of the file, in its order, each time anew.
 */
export function* inPlace<T extends TimedRow>(
  read: () => Iterable<T | undefined | null>,
  placement: Placement | null,
): Generator<PlacedRow<T> | undefined> {
  const moved = placement?.moved.size ? numbered(read(), placement.moved) : [];
  moved.sort((a, b) => (a.t < b.t ? 1 : a.t > b.t ? -1 : 0));
  let number = 0;
  for (const row of read()) {
    if (!row) continue;
    const n = number++;
    if (placement?.moved.has(n)) continue;
    if (placement?.left.has(n)) {
      yield undefined;
      continue;
    }
    for (let next = moved.at(-1); next && next.t < row.t; next = moved.at(-1))
      yield { row: moved.pop() ?? next, leapNs: 0 };
    yield { row, leapNs: placement?.leaps.get(n)?.ns ?? 0 };
  }
  for (let next = moved.pop(); next; next = moved.pop()) yield { row: next, leapNs: 0 };
}

function numbered<T>(rows: Iterable<T | undefined | null>, wanted: ReadonlySet<number>): T[] {
  const found: T[] = [];
  let number = 0;
  for (const row of rows) if (row && wanted.has(number++)) found.push(row);
  return found;
}

export function placementNotes(path: string, { moved, left, leaps }: Placement): Note[] {
  return [
    ...counted(path, "info", moved.size, "rows stand away from their place and were put there"),
    ...counted(
      path,
      "loss",
      left.size,
      "rows carry a time that fits nowhere among the others and were left out",
    ),
    ...[...leaps.values()].map((leap) => leapt(path, leap)),
  ];
}

const leapSeconds = ({ ns }: Leap): string => `${Number((ns / 1e9).toPrecision(6))} s`;

const leapt = (path: string, leap: Leap): Note => ({
  level: "loss",
  text: `${path}:${leap.line}: the time leaps by ${leapSeconds(leap)} and goes on from there, a pause or a clock that was set: nothing is made up for the time between`,
  count: 1,
});

/**
 * What a claim of power was while nobody read it, a log does not say, and whatever integrates it takes it to go on.
 * @throws InputError where the time leaps.
 */
export function refuseLeaps(path: string, { leaps }: Placement): void {
  const [leap] = leaps.values();
  if (leap)
    throw new InputError(
      `${path}:${leap.line}: the time leaps by ${leapSeconds(leap)} and goes on from there, where a claim of power would be taken to go on: a clock that was set, or a pause; split the file before this line and import the parts`,
    );
}
