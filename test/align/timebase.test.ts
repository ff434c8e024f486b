// A row's own counter, unwrapped, and what tells how long it was away: worked out by hand, a block or two at a time.

import { describe, expect, test } from "@jest/globals";
import { type Timebase, timebaseOf } from "../../align/rows/timebase.ts";
import { BlockFlag, type RowLayout, type SampleBlock } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";

/** A megahertz, and 100 ticks a row. */
const [HZ, ROW_HZ] = [1e6, 1e4];
const layoutOf = (bits: 16 | 32 | 48 | 64): RowLayout => ({
  ...{ stream: "main", rowBytes: bits === 16 ? 2 : bits === 32 ? 4 : 8, fields: [] },
  tick: { name: "tick", bitOffset: 0, bits, kind: "uint" },
});
const of = (bits: 16 | 32 | 48 | 64): Timebase => timebaseOf(layoutOf(bits), HZ, ROW_HZ);

interface Made {
  readonly firstIndex?: number;
  readonly flags?: number;
  readonly deviceTick?: bigint;
  /** Host's stamps around the block, s. */
  readonly hostS?: readonly [before: number, after: number];
}

function block(bits: 16 | 32 | 48 | 64, ticks: readonly bigint[], made: Made = {}): SampleBlock {
  const size = bits === 16 ? 2 : bits === 32 ? 4 : 8;
  const bytes = new Uint8Array(ticks.length * size);
  const view = new DataView(bytes.buffer);
  ticks.forEach((t, i) => {
    if (size === 2) view.setUint16(2 * i, Number(t), true);
    else if (size === 4) view.setUint32(4 * i, Number(t), true);
    else view.setBigUint64(8 * i, t, true);
  });
  const host = (s: number | undefined) =>
    s === undefined ? null : instant<"host">(BigInt(Math.round(s * 1e9)));
  return {
    ...{ stream: "main", firstIndex: made.firstIndex ?? 0, rows: ticks.length, bytes },
    ...{ flags: made.flags ?? 0, deviceTick: made.deviceTick ?? null },
    ...{ hostBefore: host(made.hostS?.[0]), hostAfter: host(made.hostS?.[1]) },
  };
}
const read = (t: Timebase, b: SampleBlock): number[] => {
  const out = new Float64Array(b.rows + 1).fill(-7);
  t.read(b, out);
  expect(out[b.rows]).toBe(-7);
  return [...out.subarray(0, b.rows)];
};
const ticks = (...t: readonly number[]): bigint[] => t.map(BigInt);

test("without a counter a row's time is its index", () => {
  const t = timebaseOf({ stream: "main", rowBytes: 2, fields: [] }, HZ, ROW_HZ);
  expect([t.isIndex, t.firstTick]).toEqual([true, null]);
  expect(read(t, block(16, ticks(9, 9, 9), { firstIndex: 41 }))).toEqual([41, 42, 43]);
});

describe("a counter of 16 bits", () => {
  const begun = (made: Made = {}): Timebase => {
    const t = of(16);
    // Two rows: 65,400 and 65,500.
    expect(read(t, block(16, ticks(65_400, 65_500), made))).toEqual([0, 100]);
    return t;
  };

  test("counts from its first value on, over every wrap, from block to block", () => {
    const t = begun();
    expect([t.isIndex, t.firstTick]).toEqual([false, 65_400n]);
    expect(read(t, block(16, ticks(64, 164), { firstIndex: 2 }))).toEqual([200, 300]);
    expect(read(t, block(16, ticks(264, 264, 200), { firstIndex: 4 }))).toEqual([
      ...[400, 400, 400 + 65_536 - 64],
    ]);
  });

  test("a block without rows changes nothing", () => {
    const t = begun();
    expect(read(t, block(16, [], { firstIndex: 900, flags: BlockFlag.gapBefore }))).toEqual([]);
    expect(read(t, block(16, ticks(64), { firstIndex: 2 }))).toEqual([200]);
  });

  test("rows that are missing by their index say how many wraps went by", () => {
    // 1,000 missing: 1,001 · 100 ticks on, which are one wrap and 34,564; some ticks more or less change no wrap.
    for (const off of [-3000, 0, 3000]) {
      const after = (65_500 + 34_564 + off) % 65_536;
      expect(read(begun(), block(16, ticks(after), { firstIndex: 1002 }))).toEqual([
        100 + 100_100 + off,
      ]);
    }
    // Two missing, 300 ticks: no wrap but the counter's own.
    expect(read(begun(), block(16, ticks(264), { firstIndex: 4 }))).toEqual([400]);
    // Fewer ticks than the counter shows: it is believed.
    expect(read(begun(), block(16, ticks(63_964), { firstIndex: 4 }))).toEqual([100 + 64_000]);
  });

  test("else the host's stamps do, where a gap is told", () => {
    const hostS = [10, 10.001] as const;
    // 0.2 s after the first block: three wraps and 3,392 ticks.
    const late = (made: Made) =>
      read(begun({ hostS }), block(16, ticks(65_500 + 3392 - 65_536), { firstIndex: 2, ...made }));
    const told = { flags: BlockFlag.gapBefore, hostS: [10.201, 10.202] as const };
    expect(late(told)).toEqual([100 + 200_000]);
    expect(late({ ...told, flags: 0 })).toEqual([100 + 3392]);
    expect(late({ flags: BlockFlag.gapBefore })).toEqual([100 + 3392]);
    // The stamp before it may be some blocks back.
    const t = begun({ hostS });
    read(t, block(16, ticks(64), { firstIndex: 2 }));
    const next = block(16, ticks((64 + 3392) % 65_536), { firstIndex: 3, ...told });
    expect(read(t, next)).toEqual([200 + 200_000]);
  });

  test("a block's own device time places its first row, and the counter the rest", () => {
    const t = begun({ deviceTick: 1_000_000n });
    expect(t.firstTick).toBe(1_000_000n);
    const placed = { firstIndex: 2, deviceTick: 1_500_000n };
    expect(read(t, block(16, ticks(65_530, 94), placed))).toEqual([500_000, 500_100]);
    expect(read(t, block(16, ticks(194), { firstIndex: 4 }))).toEqual([500_200]);
  });

  test("that starts again goes on after what is missing, a row at least", () => {
    const again = (made: Made): number[] =>
      read(begun({ hostS: [10, 10.001] }), block(16, ticks(7, 107), { flags: BlockFlag.restart, firstIndex: 2, ...made })); // prettier-ignore
    expect(again({})).toEqual([200, 300]);
    expect(again({ firstIndex: 11 })).toEqual([100 + 1000, 100 + 1100]);
    expect(again({ hostS: [10.051, 10.052] })).toEqual([100 + 50_000, 100 + 50_100]);
    expect(again({ hostS: [10.00101, 10.002] })).toEqual([200, 300]);
    expect(again({ deviceTick: 65_400n + 9000n })).toEqual([9000, 9100]);
    // A stream may begin with one.
    const t = of(16);
    expect(read(t, block(16, ticks(7, 107), { flags: BlockFlag.restart }))).toEqual([0, 100]);
  });
});

describe("a counter that never wraps", () => {
  test.each([48, 64] as const)(
    "%i bits: a step back is a step back, and a gap is what it shows",
    (bits) => {
      const start = 0x9876_fedc_ba98n;
      const at = (...t: readonly number[]): bigint[] => t.map((x) => start + BigInt(x));
      const t = of(bits);
      expect(read(t, block(bits, at(0, 100, 50)))).toEqual([0, 100, 50]);
      expect(t.firstTick).toBe(start);
      expect(read(t, block(bits, at(2 ** 33), { firstIndex: 5000 }))).toEqual([2 ** 33]);
    },
  );

  test("64 bits, near their end and over a half's border, are exact", () => {
    const start = 2n ** 63n + 0xffff_fff0n;
    const t = of(64);
    expect(read(t, block(64, [start, start + 16n, start + 17n]))).toEqual([0, 16, 17]);
    expect(t.firstTick).toBe(start);
  });

  test("that starts again counts from its new start", () => {
    const t = of(64);
    read(t, block(64, ticks(5_000_000, 5_000_100)));
    const flags = BlockFlag.restart;
    expect(read(t, block(64, ticks(3, 103), { flags, firstIndex: 2 }))).toEqual([200, 300]);
    expect(read(t, block(64, ticks(203), { firstIndex: 4 }))).toEqual([400]);
  });

  test("32 bits wrap", () => {
    const t = of(32);
    expect(read(t, block(32, ticks(2 ** 32 - 50, 50)))).toEqual([0, 100]);
  });
});
