import { describe, expect, test } from "@jest/globals";
import { RingReader } from "../../marks/ring.ts";
import type { Ring } from "../../marks/ring.ts";
import { decodeSlot } from "../../marks/slot.ts";
import { SteppedMark, memoryRing } from "./memory-ring.ts";

/** Takes all there is; @returns the field `i` of each mark. */
function drain(reader: RingReader, ring: Ring, last = false): unknown[] {
  const seen: unknown[] = [];
  for (let at = reader.peek(last); at >= 0; at = reader.peek(last)) {
    const mark = decodeSlot(ring, at);
    if (reader.accept()) seen.push(mark?.fields["i"]);
  }
  return seen;
}

const put = (ring: Ring, i: number) => new SteppedMark(ring, { fields: { i } }).finish();

function clock(): { now: () => number; ms: number } {
  const c = { ms: 0, now: () => c.ms };
  return c;
}

describe("ring reader", () => {
  test("takes marks in order, also round the end", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring);
    const seen: unknown[] = [];
    for (let i = 0; i < 20; i++) {
      put(ring, i);
      if (i % 3 === 0) seen.push(...drain(reader, ring));
    }
    seen.push(...drain(reader, ring));
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect([reader.overrun, reader.abandoned]).toEqual([0, 0]);
  });

  test("counts what was overwritten and goes on with the oldest that is left", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring);
    for (let i = 0; i < 21; i++) put(ring, i);
    expect(drain(reader, ring)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    expect(reader.overrun).toBe(13);
  });

  test("a slot overwritten between peek and accept is not accepted", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring);
    put(ring, 0);
    expect(reader.peek()).toBeGreaterThan(0);
    for (let i = 1; i <= 8; i++) put(ring, i);
    expect(reader.accept()).toBe(false);
    expect(drain(reader, ring)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(reader.overrun).toBe(1);
  });

  test("waits for a slow writer and keeps the order", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    const slow = new SteppedMark(ring, { fields: { i: 0 } });
    slow.step();
    put(ring, 1);
    expect(drain(reader, ring)).toEqual([]);
    c.ms = 99;
    expect(drain(reader, ring)).toEqual([]);
    slow.finish();
    expect(drain(reader, ring)).toEqual([0, 1]);
    expect(reader.abandoned).toBe(0);
  });

  test("gives up on a dead writer after 100 ms, on others that died with it at once", () => {
    const ring = memoryRing(16);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    for (let i = 0; i < 3; i++) new SteppedMark(ring, {}).step();
    put(ring, 3);
    expect(drain(reader, ring)).toEqual([]);
    c.ms = 100;
    expect(drain(reader, ring)).toEqual([3]);
    expect(reader.abandoned).toBe(3);
  });

  test("gives up early when the ring fills behind the dead slot", () => {
    const ring = memoryRing(16);
    const reader = new RingReader(ring, clock().now);
    new SteppedMark(ring, {}).step();
    for (let i = 1; i < 13; i++) put(ring, i);
    expect(drain(reader, ring)).toHaveLength(12);
    expect(reader.abandoned).toBe(1);
  });

  test("a slot that died claimed costs each lap one mark and no wait", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    const dead = new SteppedMark(ring, {});
    dead.step();
    dead.step(); // draws, claims, dies
    drain(reader, ring);
    c.ms = 100;
    drain(reader, ring);
    for (let i = 1; i < 26; i++) {
      put(ring, i);
      drain(reader, ring);
    }
    expect(reader.abandoned).toBe(4); // marks 0, 8, 16, 24
    expect(reader.tail).toBe(26);
  });

  test("a mark completed after it was given up is not taken twice", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    const late = new SteppedMark(ring, { fields: { i: 0 } });
    late.step();
    drain(reader, ring);
    c.ms = 200;
    drain(reader, ring);
    late.finish();
    for (let i = 1; i < 10; i++) put(ring, i);
    expect(drain(reader, ring)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(reader.overrun + reader.abandoned).toBe(2);
  });

  test("last: waits for nothing", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring, clock().now);
    new SteppedMark(ring, {}).step();
    put(ring, 1);
    expect(drain(reader, ring, true)).toEqual([1]);
    expect(reader.abandoned).toBe(1);
  });
});

/** Small and reproducible: xorshift32. */
function random(seed: number): (below: number) => number {
  let x = (seed * 2654435761) >>> 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

describe("every interleaving tried", () => {
  test("2,000 schedules of five writers that stall, die and lap each other: no torn mark, exact counts", () => {
    let received = 0;
    let lost = 0;
    const wrong: object[] = [];
    for (let seed = 1; seed <= 2000; seed++) {
      const r = random(seed);
      const ring = memoryRing(8);
      const c = clock();
      const reader = new RingReader(ring, c.now);
      const busy: (SteppedMark | undefined)[] = Array<undefined>(5).fill(undefined);
      const next = [0, 0, 0, 0, 0];
      const seen = [-1, -1, -1, -1, -1];
      const take = (last: boolean, most: number) => {
        for (let n = 0; n < most; n++) {
          const at = reader.peek(last);
          if (at < 0) return;
          const mark = decodeSlot(ring, at);
          // Writers may run between reading and the check: this is where a torn mark would pass.
          if (!last) for (let k = r(4); k > 0; k--) advance();
          if (!reader.accept()) continue;
          received++;
          const { w, i, pad } = (mark?.fields ?? {}) as { w: number; i: number; pad: string };
          const intact = pad === `${w}:${i}`.repeat(20) && mark?.name === `w${w}`;
          if (!intact || !(i > seen[w]!)) wrong.push({ seed, name: mark?.name, w, i });
          seen[w] = i;
        }
      };
      const advance = () => {
        const w = r(5);
        if (w === 4 && r(10) > 0) return; // one writer is very slow: the others lap it
        if (!busy[w]) {
          const i = next[w]!++;
          const fields = { w, i, pad: `${w}:${i}`.repeat(20) };
          busy[w] = new SteppedMark(ring, { name: `w${w}`, fields });
        }
        if (busy[w].step() || r(400) === 0) busy[w] = undefined; // done, or dead where it stands
      };
      for (let step = 0; step < 400; step++) {
        if (r(8) > 0) advance();
        else take(false, r(6));
        c.ms += r(3);
      }
      take(true, Infinity);
      lost += reader.overrun + reader.abandoned;
      if (reader.tail !== Number(ring.longs[64 / 8])) wrong.push({ seed, tail: reader.tail });
    }
    expect(wrong).toEqual([]);
    expect(received).toBeGreaterThan(20_000);
    expect(lost).toBeGreaterThan(2_000);
  });
});
