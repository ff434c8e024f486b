// What a slot of sound form may say that cannot be: times that are none of this host's, clocks of devices, names
// that are none. In: slots. What must hold: whatever is handed on, the log takes and gives back; the rest is counted.

import { openSync, closeSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { decodeExchange, decodeMark, encodeExchange, encodeMark } from "../../capture/wire.ts";
import { KernelCollector } from "../../align/clocks/cuda-kernels.ts";
import { Header, HEADER_BYTES, Kind, SLOT_BYTES } from "../../marks/layout.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { encodeSlot, slotBuffer, type SlotMark } from "../../marks/slot.ts";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { Collected } from "./collect.ts";
import { isLinux } from "./programs.ts";

const NOW = process.hrtime.bigint();
const base = { kind: Kind.instant, name: "m", t: NOW, aux: 0n, id: 0n, pid: 7, tid: 7, fields: {} };

/** What the recorder makes of these slots. */
function recorded(slots: readonly Partial<SlotMark>[]): Collected & { received: number } {
  const sink = new Collected();
  const source = new MarksSource(sink, 1 << 17);
  const fd = openSync(join(source.folder, "shared.ring"), "r+");
  const slot = slotBuffer();
  const word = Buffer.alloc(8);
  for (const [i, s] of slots.entries()) {
    slot.bytes.fill(0);
    encodeSlot({ ...base, ...s }, slot);
    slot.longs[0] = BigInt(2 * i + 2);
    writeSync(fd, slot.bytes, 0, SLOT_BYTES, HEADER_BYTES + i * SLOT_BYTES);
  }
  word.writeBigUInt64LE(BigInt(slots.length));
  writeSync(fd, word, 0, 8, Header.head);
  closeSync(fd);
  const { received, lost } = source.close();
  expect(received + lost).toBe(slots.length);
  expect(sink.lost).toBe(lost);
  return Object.assign(sink, { received });
}

/** The log gives back what it was given. */
function survives(marks: readonly Mark[], exchanges: readonly ClockExchange[]): void {
  const lost = marks.filter((m) => !isDeepStrictEqual(decodeMark(encodeMark(m)), m));
  const lostToo = exchanges.filter(
    (e) => !isDeepStrictEqual(decodeExchange(e.stream, encodeExchange(e)), e),
  );
  expect([lost, lostToo]).toEqual([[], []]);
}

(isLinux ? describe : describe.skip)(
  `slots that say what cannot be${isLinux ? "" : " (skipped: marks need Linux)"}`,
  () => {
    test.each([
      ["2^63", 2n ** 63n],
      ["2^64 - 1", 2n ** 64n - 1n],
      ["Unix time", BigInt(Date.now()) * 1_000_000n],
      ["an hour from now", NOW + 3_600_000_000_000n],
    ])("a stamp of %s: kept as rejected, the mark as of its reading", (_what, t) => {
      const kinds = [Kind.instant, Kind.begin, Kind.end, Kind.submit];
      const sink = recorded(kinds.map((kind) => ({ kind, t, id: 5n })));
      expect(sink.marks).toHaveLength(4);
      for (const m of sink.marks) {
        expect(m.fields!["stamp_rejected"]).toBe(t.toString());
        expect(m.t >= NOW && m.t <= process.hrtime.bigint()).toBe(true);
      }
      survives(sink.marks, []);
    });

    test("spans, kernels and exchanges that end before they start, or in the future, are none and are counted", () => {
      const kinds = [Kind.span, Kind.kernel, Kind.exchange];
      const times = [
        [NOW, NOW - 1n],
        [NOW, 2n ** 63n],
        [2n ** 64n - 2n, 2n ** 64n - 1n],
      ] as const;
      const sink = recorded(kinds.flatMap((kind) => times.map(([t, aux]) => ({ kind, t, aux }))));
      expect([sink.marks, sink.exchanges, sink.lost]).toEqual([[], [], 9]);
      expect(sink.losses[0]!.why).toMatch(/with impossible times/);
      const good = recorded(kinds.map((kind) => ({ kind, t: NOW - 5n, aux: NOW })));
      expect([good.marks.length, good.exchanges.length, good.lost]).toEqual([4, 1, 0]);
    });

    test("a name that is empty is none", () => {
      const sink = recorded([{ name: "" }, { name: "x" }]);
      expect([sink.marks.map((m) => m.name), sink.lost]).toEqual([["x"], 1]);
    });

    test("a program's clock is never a device's nor the host's", () => {
      const names = ["main", "host", "daq", "gpu:0000:01:00.0", "gpu:x cupti:7.1"];
      const sink = recorded(names.map((name) => ({ kind: Kind.exchange, name, aux: NOW })));
      const streams = sink.exchanges.map((e) => e.stream);
      expect(streams).toEqual(["program:main", "program:host", "program:daq", names[3], names[4]]);
      survives([], sink.exchanges);
    });

    test("70,000 names of clocks: no more than a log can hold, the rest counted", () => {
      const sink = recorded(
        Array.from({ length: 70_000 }, (_, i) => ({
          kind: Kind.exchange,
          name: `c${i}`,
          aux: NOW,
        })),
      );
      expect(new Set(sink.exchanges.map((e) => e.stream)).size).toBe(16_384);
      expect(sink.lost).toBe(70_000 - 16_384);
    }, 60_000);

    test("10,000 names, and 20,000 slots of anything: the log takes all that is handed on", () => {
      let x = 9;
      const below = (n: number): number => {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        return Math.floor((x / 2 ** 32) * n);
      };
      const times = [0n, 1n, NOW, NOW - 1n, NOW + 10n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
      const names = [
        "",
        "m",
        "\u001b]0;x\u0007",
        "a\nb",
        "\ufffd",
        "\ud800",
        "é".repeat(60),
        "a b",
      ];
      const values = [0, -1, NaN, -Infinity, 2 ** 53, true, "", "\u0000", "x".repeat(200)];
      const keys = ["", "a", "pid", "__proto__", "constructor", "\u001b[2J", "kind", "span"];
      const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
      const slots = Array.from({ length: 20_000 }, (_, i) => ({
        kind: (1 + below(7)) as Kind,
        name: i < 10_000 ? `name ${i}` : pick(names),
        t: pick(times),
        aux: pick(times),
        id: pick(times),
        pid: below(2 ** 32),
        fields: Object.fromEntries(
          Array.from({ length: below(4) }, () => [pick(keys), pick(values)]),
        ),
      }));
      const sink = recorded(slots);
      survives(sink.marks, sink.exchanges);
      expect(sink.received).toBeGreaterThan(5000);
    }, 60_000);
  },
);

describe("correlations", () => {
  test("beyond 2^53 each is its own, and joins its own kernel", () => {
    const ids = [2n ** 53n, 2n ** 53n + 1n, 2n ** 32n + 5n, 5n, 2n ** 64n - 1n];
    const sink = recorded([
      ...ids.map((id, i) => ({ kind: Kind.submit, id, t: NOW - 1000n * BigInt(i + 1) })),
      ...ids.map((id) => ({ kind: Kind.kernel, id, t: NOW - 10n, aux: NOW })),
    ]);
    const session = { hostEpoch: instant<"host">(NOW - 10_000n) } as Session;
    const collector = new KernelCollector();
    for (const m of sink.marks) collector.add(m, session);
    const table = collector.finish()!;
    expect([table.count, table.launches, table.launchesAlone]).toEqual([5, 5, 0]);
    expect([...table.submitNs.subarray(0, 5)]).toEqual([9000, 8000, 7000, 6000, 5000]);
    expect(table.correlation.map(String)).toEqual(ids.map(String));
  });
});
