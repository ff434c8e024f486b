import { describe, expect, test } from "@jest/globals";
import { hash32, hashName, random } from "../../stats/random.ts";

const draw = (seed: number, stream: string, n: number): number[] => {
  const r = random(seed, stream);
  return Array.from({ length: n }, () => r.uniform());
};

describe("random", () => {
  test("the same seed and stream give the same numbers, another of either gives others", () => {
    expect(draw(1, "a", 5)).toEqual(draw(1, "a", 5));
    expect(draw(1, "a", 5)).not.toEqual(draw(1, "b", 5));
    expect(draw(1, "a", 5)).not.toEqual(draw(2, "a", 5));
    expect(draw(2 ** 40, "a", 5)).not.toEqual(draw(0, "a", 5));
  });

  test("the numbers never change between versions", () => {
    expect(draw(7, "clock", 3)).toMatchInlineSnapshot(`
     [
       0.352781391935423,
       0.5524488678202033,
       0.7565920678898692,
     ]
    `);
    expect([hash32(1), hashName(7, "clock")]).toMatchInlineSnapshot(`
     [
       1753845952,
       219822930,
     ]
    `);
  });

  test("moments of a normal, an exponential and a uniform deviate", () => {
    const r = random(3, "moments");
    const n = 40_000;
    let [m, v, skew, e, u, most] = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = r.normal();
      m += x / n;
      v += (x * x) / n;
      skew += x ** 3 / n;
      e += r.exponential(4) / n;
      u += r.uniform() / n;
      most = Math.max(most, r.integer(6));
    }
    // Five standard errors each.
    expect(Math.abs(m)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(v - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(skew)).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(e - 4)).toBeLessThan((5 * 4) / Math.sqrt(n));
    expect(Math.abs(u - 0.5)).toBeLessThan(5 / Math.sqrt(12 * n));
    expect(most).toBe(5);
  });
});
