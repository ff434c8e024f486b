import { describe, expect, test } from "@jest/globals";
import { RingReader } from "../../marks/ring.ts";
import { RingFault } from "../../marks/ring-file.ts";
import { decodeSlot } from "../../marks/slot.ts";
import { type MemoryRing, memoryRing, SteppedMark } from "./memory-ring.ts";

/** One poll; @returns the field `i` of each mark. */
function drain(reader: RingReader, last = false): unknown[] {
  const seen: unknown[] = [];
  reader.poll(last, (slots, at) => seen.push(decodeSlot(slots, at, () => undefined)?.fields["i"]));
  return seen;
}

const put = (ring: MemoryRing, i: number) => new SteppedMark(ring, { fields: { i } }).finish();

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
      if (i % 3 === 0) seen.push(...drain(reader));
    }
    seen.push(...drain(reader));
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect([reader.overrun, reader.abandoned]).toEqual([0, 0]);
  });

  test("counts what was overwritten and goes on with the oldest that is left", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring);
    for (let i = 0; i < 21; i++) put(ring, i);
    expect(drain(reader)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    expect(reader.overrun).toBe(13);
  });

  test("a slot overwritten while it is copied is not taken", () => {
    let copies = 0;
    const ring = memoryRing(8, () => {
      // Within the second copy of the slot: the header takes four steps, a copy of a slot four.
      if (++copies === 4 + 4 + 2) for (let i = 1; i <= 8; i++) put(ring, i);
    });
    const reader = new RingReader(ring);
    put(ring, 0);
    copies = 0;
    expect(drain(reader)).toEqual([]);
    expect(drain(reader)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(reader.overrun).toBe(1);
  });

  test("a mark completed while its slot is copied is taken by the next copies", () => {
    let copies = 0;
    const late: SteppedMark[] = [];
    const ring = memoryRing(8, () => {
      if (++copies === 4 + 4 + 2) late[0]!.finish(); // within the second copy
    });
    const reader = new RingReader(ring);
    late.push(new SteppedMark(ring, { fields: { i: 0 } }));
    late[0]!.step();
    put(ring, 1);
    copies = 0;
    expect(drain(reader)).toEqual([0, 1]);
    expect([reader.overrun, reader.abandoned]).toEqual([0, 0]);
  });

  test("waits for a slow writer and keeps the order", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    const slow = new SteppedMark(ring, { fields: { i: 0 } });
    slow.step();
    put(ring, 1);
    expect(drain(reader)).toEqual([]);
    c.ms = 999;
    expect(drain(reader)).toEqual([]);
    slow.finish();
    expect(drain(reader)).toEqual([0, 1]);
    expect(reader.abandoned).toBe(0);
  });

  test("gives up on a dead writer after a second, on others that died with it at once", () => {
    const ring = memoryRing(16);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    for (let i = 0; i < 3; i++) new SteppedMark(ring, {}).step();
    put(ring, 3);
    expect(drain(reader)).toEqual([]);
    c.ms = 1000;
    expect(drain(reader)).toEqual([3]);
    expect(reader.abandoned).toBe(3);
  });

  test("gives up early when the ring fills behind the dead slot", () => {
    const ring = memoryRing(16);
    const reader = new RingReader(ring, clock().now);
    new SteppedMark(ring, {}).step();
    for (let i = 1; i < 13; i++) put(ring, i);
    expect(drain(reader)).toHaveLength(12);
    expect(reader.abandoned).toBe(1);
  });

  test("a slot that died claimed costs each lap one mark and no wait", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    const dead = new SteppedMark(ring, {});
    dead.step();
    dead.step(); // draws, claims, dies
    drain(reader);
    c.ms = 1000;
    drain(reader);
    for (let i = 1; i < 26; i++) {
      put(ring, i);
      drain(reader);
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
    drain(reader);
    c.ms = 2000;
    drain(reader);
    late.finish();
    for (let i = 1; i < 10; i++) put(ring, i);
    expect(drain(reader)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(reader.overrun + reader.abandoned).toBe(2);
  });

  test("last: waits for nothing", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring, clock().now);
    new SteppedMark(ring, {}).step();
    put(ring, 1);
    expect(drain(reader, true)).toEqual([1]);
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
  test("600 schedules of five writers that stall, die and lap each other: no torn mark, exact counts", () => {
    let received = 0;
    let lost = 0;
    const wrong: object[] = [];
    for (let seed = 1; seed <= 600; seed++) {
      const r = random(seed);
      let running = false;
      // Writers run while the reader copies: this is where a torn mark would pass.
      const ring = memoryRing(8, () => {
        if (running && r(3) === 0) advance();
      });
      const c = clock();
      const reader = new RingReader(ring, c.now);
      const busy: (SteppedMark | undefined)[] = Array<undefined>(5).fill(undefined);
      const next = [0, 0, 0, 0, 0];
      const seen = [-1, -1, -1, -1, -1];
      const take = (last: boolean) => {
        running = !last;
        reader.poll(last, (slots, at) => {
          const mark = decodeSlot(slots, at, () => undefined);
          received++;
          const { w, i, pad } = (mark?.fields ?? {}) as { w: number; i: number; pad: string };
          const intact = pad === `${w}:${i}`.repeat(20) && mark?.name === `w${w}`;
          if (!intact || !(i > seen[w]!)) wrong.push({ seed, name: mark?.name, w, i });
          seen[w] = i;
        });
        running = false;
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
        else take(false);
        c.ms += r(30);
      }
      take(true);
      lost += reader.overrun + reader.abandoned;
      if (reader.tail !== Number(ring.longs[64 / 8])) wrong.push({ seed, tail: reader.tail });
    }
    expect(wrong).toEqual([]);
    expect(received).toBeGreaterThan(5_000);
    expect(lost).toBeGreaterThan(500);
  });
});

describe("a head that no writer can have left", () => {
  const headOf = (ring: MemoryRing, head: bigint) => (ring.longs[64 / 8] = head);

  test.each<[string, bigint, RegExp]>([
    ["2^62", 2n ** 62n, /went from 3 to 4611686018427387904 within 10.0 ms/],
    ["beyond 2^53", 2n ** 53n + 1n, /no writer can/],
    ["further than time allows", 3n + 12_000_000n, /no writer can/],
    ["back", 2n, /went back from 3 to 2/],
    ["negative", -1n, /no writer can/],
  ])("%s", (_what, head, message) => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    for (let i = 0; i < 3; i++) put(ring, i);
    expect(drain(reader)).toEqual([0, 1, 2]);
    c.ms = 10;
    headOf(ring, head);
    expect(() => drain(reader)).toThrow(RingFault);
    expect(() => drain(reader)).toThrow(message);
  });

  test("time allows what came since the last look, not since the first", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    for (c.ms = 10_000; c.ms < 10_100; c.ms += 10) drain(reader);
    headOf(ring, 20_000_000n);
    expect(() => drain(reader)).toThrow(/within 10.0 ms/);
  });

  test("a ring that is found late may hold what was written since the session began", () => {
    const ring = memoryRing(8);
    headOf(ring, 1_499_992n);
    for (let i = 0; i < 8; i++) put(ring, i);
    const late = new RingReader(ring, () => 2000, 0);
    expect(drain(late)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([late.tail, late.overrun]).toEqual([1_500_000, 1_499_992]);
    expect(() => drain(new RingReader(ring, () => 2000))).toThrow(RingFault);
  });

  test("one that time allows is believed, and a poll does no more than a lap", () => {
    const ring = memoryRing(8);
    const c = clock();
    const reader = new RingReader(ring, c.now);
    c.ms = 10;
    headOf(ring, 10_000_000n);
    expect(drain(reader, true)).toEqual([]);
    expect([reader.overrun, reader.abandoned]).toEqual([9_999_992, 8]);
  });

  test("numbers beyond 32 bits are numbers like others", () => {
    for (const power of [30, 31, 32, 33]) {
      const ring = memoryRing(8);
      const c = clock();
      const reader = new RingReader(ring, c.now);
      c.ms = 1e7;
      const first = 2 ** power - 4;
      headOf(ring, BigInt(first));
      drain(reader, true);
      for (let i = 0; i < 8; i++) put(ring, i);
      expect(drain(reader)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(reader.overrun + reader.abandoned).toBe(first);
    }
  });

  test("a poll takes what was there when it began, however fast the writers are", () => {
    let running = false;
    let next = 0;
    const ring = memoryRing(8, () => {
      if (running) for (let k = 0; k < 3; k++) put(ring, next++);
    });
    const reader = new RingReader(ring);
    for (let polls = 0; polls < 20; polls++) {
      put(ring, next++);
      running = true;
      const before = next;
      drain(reader, polls === 19);
      running = false;
      expect(reader.tail).toBeLessThanOrEqual(before + 12); // the header's own four steps
    }
    drain(reader, true);
    expect(reader.tail).toBe(next);
  });

  test("a header that was overwritten", () => {
    const ring = memoryRing(8);
    const reader = new RingReader(ring);
    ring.bytes[3] = 7;
    expect(() => drain(reader)).toThrow(/header was overwritten/);
  });
});
