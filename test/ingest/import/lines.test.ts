import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { openBytes } from "../../../ingest/import/shared/file-bytes.ts";
import {
  decimalToNs,
  readLines,
  secondsToNs,
  toNumber,
} from "../../../ingest/import/shared/lines.ts";
import { random, scratch, sweep } from "./context.ts";

afterEach(sweep);

function put(data: string | Uint8Array): string {
  const path = join(scratch(), "f");
  writeFileSync(path, data);
  return path;
}

describe("readLines", () => {
  test("numbers lines, drops carriage returns and a byte order mark, tells an unfinished end", () => {
    expect([...readLines(put("\uFEFFa\r\n\nb"), "text")]).toEqual([
      { text: "a", number: 1, ended: true },
      { text: "", number: 2, ended: true },
      { text: "b", number: 3, ended: false },
    ]);
  });

  test("joins lines across its chunks", () => {
    const next = random(5);
    const lines = Array.from({ length: 60_000 }, () => "x".repeat(Math.floor(next() * 90)));
    const got = [...readLines(put(lines.join("\n") + "\n"), "text")].map((l) => l.text);
    expect(got).toEqual(lines);
  });

  test("refuses binary data and a line without end", () => {
    expect(() => [...readLines(put("a\nb\0c\n"), "text")]).toThrow(/f:1: holds NUL bytes/);
    expect(() => [...readLines(put("x".repeat(3 << 20)), "text")]).toThrow(/line too long/);
    expect(() => [...readLines(put(""), "text")]).toThrow(/empty file/);
  });
});

test("openBytes reads any stretch, across and beyond its window", () => {
  const next = random(9);
  const data = Buffer.from(
    new Uint32Array(((4 << 20) + 8192) / 4).map((_, i) => Math.imul(i, 2654435761)).buffer,
  );
  const file = openBytes(put(data), "bytes");
  for (let i = 0; i < 200; i++) {
    const at = Math.floor(next() * data.length);
    expect(file.at(at, 3000).equals(data.subarray(at, at + 3000))).toBe(true);
  }
  file.close();
});

test.each([
  ["1733935225.009", 1733935225009000000n],
  ["-0.005", -5000000n],
  ["2.5e-3", 2500000n],
  ["1E3", 1000000000000n],
  [".5", 500000000n],
  ["7", 7000000000n],
  ["7.", 7000000000n],
  ["0.00001", 10000n],
  ["9007199.254740993", 9007199254740993n],
  ["+1.5", 1500000000n],
  ["0.0000000006", 1n],
  ["1733935225.123456789", 1733935225123456789n],
])("secondsToNs(%s) is exact", (text, ns) => expect(secondsToNs(text)).toBe(ns));

test.each(["", ".", "1.2.3", "0x10", "nan", "1e999", "12a"])("secondsToNs(%s) is no time", (text) =>
  expect(secondsToNs(text)).toBeUndefined(),
);

test("decimalToNs takes milliseconds and microseconds", () => {
  expect(decimalToNs("1.5", 6)).toBe(1_500_000n);
  expect(decimalToNs("89257636", 3)).toBe(89_257_636_000n);
});

test("toNumber takes decimals and NaN, nothing else", () => {
  expect(["1", "-2.5e3", ".5", " 7 ", "0", "0.00", "1e400"].map(toNumber)).toEqual([
    1,
    -2500,
    0.5,
    7,
    0,
    0,
    undefined,
  ]);
  expect(toNumber("NaN")).toBeNaN();
  expect(["", " ", "0x10", "0b0", "0o0", "1,5", "Infinity", "1 2", "-"].map(toNumber)).toEqual(
    Array(9).fill(undefined),
  );
});
