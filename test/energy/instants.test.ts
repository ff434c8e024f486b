// Instants that the pass stops at: whoever asks, each gets its integrals at its own instants, once, in time order.

import { describe, expect, test } from "@jest/globals";
import {
  AllInstants,
  type Instants,
  instantsOf,
  ListedInstants,
  type Spans,
  WatchedSpans,
} from "../../energy/instants.ts";
import { random } from "../../stats/random.ts";

/** Passes over all of them; the integrals at t are t and 2 t. @returns where it stopped. */
function pass(instants: Instants): number[] {
  const stops: number[] = [];
  for (let at = instants.next; at < Infinity; at = instants.next) {
    stops.push(at);
    instants.take(Float64Array.of(at, 2 * at));
    if (stops.length > 10_000) throw new Error("no end");
  }
  return stops;
}

type Span = readonly number[];

function watch(list: readonly Span[]): { spans: Spans; done: number[] } {
  const done: number[] = [];
  const spans: Spans = {
    count: list.length,
    from: (i) => Math.min(...list[i]!),
    instants: (i) => list[i]!,
    done(i, s) {
      done.push(i);
      for (const t of list[i]!) {
        expect(s.value(t, 0)).toBe(t);
        expect(s.between(list[i]![0]!, t, 1)).toBe(2 * (t - list[i]![0]!));
      }
      expect(() => s.value(1e9, 0)).toThrow("no snapshot was asked for at 1000000000 ns");
    },
  };
  return { spans, done };
}

test("a list is sorted, without repeats", () => {
  expect([...instantsOf([5, 1, 5, 3, 1, 1])]).toEqual([1, 3, 5]);
  expect([...instantsOf([7])]).toEqual([7]);
  expect([...instantsOf([])]).toEqual([]);
});

test("of a list every snapshot is kept", () => {
  const listed = new ListedInstants(Float64Array.of(1, 4, 9), 2);
  expect(pass(listed)).toEqual([1, 4, 9]);
  expect([9, 1, 4].map((t) => listed.snapshots.value(t, 1))).toEqual([18, 2, 8]);
  expect(listed.snapshots.between(4, 9, 0)).toBe(5);
  expect(listed.snapshots.between(9, 1, 0)).toBe(-8);
  expect(() => listed.snapshots.value(5, 0)).toThrow("no snapshot was asked for at 5 ns");
  expect(() => listed.snapshots.between(0, 9, 0)).toThrow("at 0 ns");
});

describe("spans that are watched", () => {
  test.each<[string, readonly Span[]]>([
    ["one after another", [[0, 1], [2, 5], [6, 7]]], // prettier-ignore
    ["inside one another", [[0, 9], [1, 8], [2, 3], [4, 5]]], // prettier-ignore
    ["that end together", [[0, 9], [3, 9], [6, 9]]], // prettier-ignore
    ["of no length", [[2, 2], [2, 2], [2, 5]]], // prettier-ignore
    ["whose instants come in any order", [[5, 0, 3, 5, 0, 1], [4, 9, 4, 6]]], // prettier-ignore
    ["with more instants than usual", [Array.from({ length: 25 }, (_, k) => 24 - k), [3, 4]]],
    ["that are none", []],
  ])("%s", (_, list) => {
    const { spans, done } = watch(list);
    const stops = pass(new WatchedSpans(spans, 2));
    expect(done.sort((a, b) => a - b)).toEqual(list.map((_, i) => i));
    expect(stops).toEqual([...stops].sort((a, b) => a - b));
    // Each span's instants once.
    expect(stops).toHaveLength(list.reduce((n, s) => n + new Set(s).size, 0));
  });

  test("seeded: hundreds over one another", () => {
    for (let seed = 1; seed <= 3; seed++) {
      const r = random(seed, "spans");
      const list = Array.from({ length: 40 }, () => {
        const from = r.integer(200);
        return [from, ...Array.from({ length: r.integer(14) }, () => from + r.integer(90))];
      }).sort((a, b) => a[0]! - b[0]!);
      const { spans, done } = watch(list);
      const stops = pass(new WatchedSpans(spans, 2));
      expect(stops).toEqual([...stops].sort((a, b) => a - b));
      expect(done.sort((a, b) => a - b)).toEqual(list.map((_, i) => i));
    }
  });
});

test("several as one: of those that ask for one instant each gets it", () => {
  const lists = [[1, 5, 9], [], [5, 6], [5]].map(
    (l) => new ListedInstants(Float64Array.from(l), 2),
  );
  const all = new AllInstants(lists);
  expect(pass(all)).toEqual([1, 5, 5, 5, 6, 9]);
  expect(lists.map((l) => l.next)).toEqual([Infinity, Infinity, Infinity, Infinity]);
  expect(lists[2]!.snapshots.between(5, 6, 0)).toBe(1);
  expect(lists[3]!.snapshots.value(5, 1)).toBe(10);
});
