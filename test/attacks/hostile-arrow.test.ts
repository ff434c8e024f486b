// Tables of a run with bytes flipped, lengths and offsets that lie, ends cut off: every reader ends in one line or in
// numbers, soon and in bounded memory, whatever SHA256SUMS would have said.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { writeArrow } from "../../dataset/arrow-file.ts";
import { decodeFooter } from "../../dataset/arrow-metadata.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { foldedColumns } from "../../schema/tables.ts";
import { faults, type Job, runJobs } from "./jobs.ts";
import { type Damage, damaged, readersOf } from "./table-readers.ts";

let dir: string;
let run: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-hostile-arrow-"));
  run = join(dir, "run");
  await writeVirtualCapture(run, { seed: 3, durationS: 0.1 });
  const [fused] = await runJobs([
    { name: "fuse", command: "fuse", positionals: [run], options: { rate: "10kHz" } },
  ]);
  expect(fused).toMatchObject({ code: expect.any(Number), message: "" });
  writeFolded(join(run, "folded.arrow"));
  rmSync(join(run, "SHA256SUMS"));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const NUMBERS = {
  launches: 3,
  crowded_fraction: 0,
  duration_ns: 40_000,
  duration_p5_p95_ns: [39_000, 41_000],
  step_ns: 1000,
  steps: 40,
  empty_steps: 0,
  phase_u_ns: 10,
  sensor_rise_ns: null,
  step_response_ns: null,
  shorter_than_response: false,
};

function writeFolded(path: string): void {
  const kernels = ["gemm", "axpy"].map((kernel) => ({ kernel, ...NUMBERS }));
  const about = JSON.stringify({ kernels, warnings: [] });
  const metadata = { "truejoule.schema": "folded/1", "truejoule.fold": about };
  const n = 40;
  writeArrow(path, foldedColumns(["slot"]), metadata, (file) => {
    for (const { kernel } of kernels)
      file.write(n, [
        { data: Array<string>(n).fill(kernel) },
        { data: Float64Array.from({ length: n }, (_, i) => i * 1000) },
        { data: new Int32Array(n).fill(3) },
        ...[0, 1, 2].map(() => ({ data: new Float64Array(n).fill(50) })),
      ]);
  });
}

/** Numbers from 0 below n, the same in every run of the test (a linear congruential generator). */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Where metadata lies: the schema and the first batch's header, and the footer. */
const places = (size: number, footer: number): number[] => [
  ...Array.from({ length: Math.min(size, 3000) }, (_, i) => i),
  ...Array.from({ length: footer + 10 }, (_, i) => size - footer - 10 + i),
];

const WORDS = ["00000000", "ffffffff", "ffffff7f", "00000080", "00000010", "f8ffffff", "00010000"];
const LONGS = [1n << 40n, (1n << 62n) - 1n, -1n, -(1n << 62n), 1n << 31n];

function long(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes.toString("hex");
}

function damages(bytes: Buffer, count: number, seed: number): Damage[] {
  const below = numbers(seed);
  const at = places(bytes.length, bytes.readInt32LE(bytes.length - 10));
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const aligned = (size: number): number => one(at) & -size;
  const flip = (i: number): [number, string] => [
    i,
    Buffer.of(bytes[i]! ^ (1 << below(8))).toString("hex"),
  ];
  // Of the footer's fields some lie on odd multiples of two: the footer's end is where they are counted from.
  const kinds: readonly (() => Damage)[] = [
    () => ({ edits: Array.from({ length: one([1, 3, 8]) }, () => flip(one(at))) }),
    () => ({
      edits: Array.from({ length: one([1, 4]) }, () => [one(at), one(["ff", "7f", "00"])]),
    }),
    () => ({ edits: [[aligned(4), one(WORDS)]] }),
    () => ({ edits: [[aligned(2), one(WORDS)]] }),
    () => ({ edits: [[aligned(8), long(one(LONGS))]] }),
    () => ({ edits: [[below(bytes.length - 8) & -8, long(one(LONGS))]] }),
    () => ({ edits: [flip(below(bytes.length))] }),
    () => ({ edits: [], cut: below(bytes.length) }),
    // Cut, and a tail of a whole file put on it.
    () => {
      const cut = 400 + below(bytes.length - 400);
      return { edits: [[cut - 300, bytes.subarray(-300).toString("hex")]], cut };
    },
    () => ({ edits: [[bytes.length - 10, one(WORDS)]] }),
  ];
  const whole: Damage = { edits: [] };
  return [whole, ...Array.from({ length: count }, (_, i) => kinds[i % kinds.length]!())];
}

const tables = Object.keys(readersOf);
const tell = (d: Damage): string =>
  `${d.edits.map(([at, hex]) => `${at}=${hex.slice(0, 16)}`).join(",")} cut ${d.cut ?? "-"}`;

test("A1: a damaged table, read by each reader: one line that names the file and the remedy, or numbers", async () => {
  const jobs = tables.flatMap((table, t) => {
    const found = damages(readFileSync(join(run, table)), 100, t + 1);
    return found.flatMap((damage, i): Job[] =>
      readersOf[table]!.map((_, reader) => ({
        name: `${table} ${i} (${tell(damage)}), reader ${reader}`,
        command: "table",
        positionals: [run, table, String(reader), JSON.stringify(damage)],
      })),
    );
  });
  const ended = await runJobs(jobs);
  expect(ended.flatMap((e) => faults(e, 400))).toEqual([]);
  expect(ended).toHaveLength(jobs.length);
  expect(ended.filter((e) => e.code !== 0 && / 0 \( cut -\)/.test(e.name))).toEqual([]);
  const unsaid = ended.filter(
    (e) => e.code === 1 && !/damaged-\w+\.arrow: .*truejoule f/.test(e.message),
  );
  expect(unsaid.map((e) => `${e.name}: ${e.message}`)).toEqual([]);
  expect(ended.filter((e) => e.code === 1).length).toBeGreaterThan(jobs.length / 4);
}, 300_000);

/** Bytes that what is told of it takes at least, or the error. */
function outcomeOf(footer: Buffer): number | string {
  try {
    const { fields, blocks } = decodeFooter(footer);
    return fields.reduce((n, f) => n + Buffer.byteLength(f.name), 0) + 24 * blocks.length;
  } catch (error) {
    return (error as Error).message;
  }
}

test("A1: every word of a footer in turn a lie: refused, or no more told than the bytes can hold", () => {
  for (const table of tables) {
    const bytes = readFileSync(join(run, table));
    const length = bytes.readInt32LE(bytes.length - 10);
    const footer = bytes.subarray(bytes.length - 10 - length, bytes.length - 10);
    expect(decodeFooter(footer).blocks.length).toBeGreaterThan(0);
    let refused = 0;
    const wrong: string[] = [];
    for (let at = 0; at <= length - 4; at += 2)
      for (const hex of [...WORDS, ...LONGS.map(long)]) {
        const told = outcomeOf(damaged(footer, { edits: [[at, hex]] }));
        if (typeof told === "string") refused++;
        const bad = typeof told === "string" ? /stack|array length/.test(told) : told > length;
        if (bad) wrong.push(`${table} ${at}=${hex}: ${told}`);
      }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(length / 2);
  }
});

test("A1: a run with a damaged table, by verify, report and export: told, flagged or made again", async () => {
  const commands: readonly [string, Record<string, string | boolean>][] = [
    ["verify", {}],
    ["report", {}],
    ["export", { csv: join(dir, "out.csv"), force: true }],
    ["export", { perfetto: join(dir, "out.perfetto"), force: true }],
  ];
  const jobs = tables.flatMap((table, t) => {
    const found = damages(readFileSync(join(run, table)), 10, 100 + t);
    return found.flatMap((damage, i): Job[] =>
      commands.map(([command, options]) => ({
        name: `${command} ${Object.keys(options)[0] ?? ""}: ${table} ${i} (${tell(damage)})`,
        command: "damage",
        positionals: [command, run, table, JSON.stringify(damage)],
        options,
      })),
    );
  });
  const ended = await runJobs(jobs);
  expect(ended.flatMap((e) => faults(e))).toEqual([]);
  expect(ended).toHaveLength(jobs.length);
}, 300_000);
