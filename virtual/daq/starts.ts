// What a simulated device made, so that a host's account can be held against it: from which row of the bench it
// went on at each start (of a text device, each power-up), and which rows after it found no room.

import { endsOf } from "../../stats/places.ts";

export interface Start {
  readonly row: number;
  /** In order: first row, and how many. */
  readonly dropped: readonly (readonly [row: number, rows: number])[];
}

export class Starts {
  readonly list: { readonly row: number; readonly dropped: [number, number][] }[] = [];

  begin(row: number): void {
    this.list.push({ row, dropped: [] });
  }

  drop(row: number): void {
    const { dropped } = endsOf(this.list)[1];
    const last = dropped.at(-1);
    if (last && last[0] + last[1] === row) last[1]++;
    else dropped.push([row, 1]);
  }
}
