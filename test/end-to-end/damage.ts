// Ways to spoil a file, each with its seed: what storage, transfer, editors and people do to captures.

import { type Random } from "../../stats/random.ts";

export type Damage = (bytes: Buffer, r: Random) => Buffer;

/** Whether at most one line of a text differs: then it may be a number like any other, and no format says no. */
export function isOneLine(good: Buffer, bad: Buffer): boolean {
  const [a, b] = [good, bad].map((x) => x.toString("latin1").split("\n")) as [string[], string[]];
  return a.length === b.length && a.filter((line, i) => line !== b[i]).length <= 1;
}

const cut: Damage = (b, r) => b.subarray(0, r.integer(b.length));

const flip: Damage = (b, r) => {
  const out = Buffer.from(b);
  out[r.integer(out.length)]! ^= 1 << r.integer(8);
  return out;
};

/** A stretch missing from the middle. */
const hole: Damage = (b, r) => {
  const at = r.integer(b.length);
  const length = 1 + r.integer(Math.max(1, b.length >> 4));
  return Buffer.concat([b.subarray(0, at), b.subarray(at + length)]);
};

/** A stretch twice. */
const repeat: Damage = (b, r) => {
  const at = r.integer(b.length);
  const end = Math.min(b.length, at + 1 + r.integer(Math.max(1, b.length >> 5)));
  return Buffer.concat([b.subarray(0, end), b.subarray(at, end), b.subarray(end)]);
};

/** A block of zeros, as a crashed file system leaves it. */
const zeros: Damage = (b, r) => {
  const out = Buffer.from(b);
  const at = r.integer(out.length);
  out.fill(0, at, Math.min(out.length, at + 1 + r.integer(512)));
  return out;
};

const empty: Damage = () => Buffer.alloc(0);

const otherMagic: Damage = (b) =>
  Buffer.concat([Buffer.from("\x7fELF\x02\x01\x01\0"), b.subarray(8)]);

const noise: Damage = (b, r) =>
  Buffer.from(Array.from({ length: Math.min(b.length, 5000) }, () => r.integer(256)));

const prose: Damage = () =>
  Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(300));

/** Two neighbouring lines change places: time goes back. */
const swapLines: Damage = (b, r) => {
  const lines = b.toString().split("\n");
  if (lines.length < 6) return b;
  const k = 2 + r.integer(lines.length - 5);
  [lines[k], lines[k + 1]] = [lines[k + 1]!, lines[k]!];
  return Buffer.from(lines.join("\n"));
};

/** A number becomes nan. */
const notANumber: Damage = (b, r) => {
  const text = b.toString();
  const numbers = [...text.matchAll(/(?<=[ ,:[])\d+(\.\d+)?(?=[ ,\n\]])/g)];
  if (numbers.length === 0) return b;
  const n = numbers[r.integer(numbers.length)]!;
  return Buffer.from(text.slice(0, n.index) + "nan" + text.slice(n.index + n[0].length));
};

export const toBytes: Readonly<Record<string, Damage>> = {
  cut,
  flip,
  hole,
  repeat,
  zeros,
  empty,
  otherMagic,
  noise,
  prose,
};

export const toLines: Readonly<Record<string, Damage>> = { swapLines, notANumber };
