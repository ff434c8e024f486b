import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { McapIndexedReader } from "@mcap/core";
import { LogWriter } from "../../capture/log-writer.ts";
import { siblingModule } from "../../host/sibling.ts";
import { instant } from "../../schema/time.ts";
import {
  all,
  block,
  count,
  layout,
  scratch,
  session,
  sweep,
  words,
  writeLog,
} from "./small-log.ts";

let dir: string;
beforeEach(() => {
  dir = scratch();
});
afterEach(sweep);

/** A log of `n` blocks of 64 KiB with a read and a mark between them, in chunks by size alone. */
function writeBigLog(path: string, n: number): void {
  const log = new LogWriter(path, session);
  log.attach("rig.yaml", "application/yaml", Buffer.from("name: x"));
  log.declareRows(layout);
  log.declareTelemetry({ name: "nvml.power_usage", quantity: "power", unit: "W" });
  for (let i = 0; i < n; i++) {
    log.rows(block(i * 16384, 16384));
    const t = instant<"host">(session.hostEpoch + BigInt(i));
    log.read({ channel: "nvml.power_usage", before: t, after: t, stamp: null, value: i, code: 0 });
    log.mark({ name: "load", phase: "begin", clock: "host", t, fields: { i } });
  }
  log.close();
}

describe("capture log", () => {
  test("gives back what was written, and other MCAP readers accept it", async () => {
    const path = join(dir, "c.mcap");
    writeBigLog(path, 40);
    const rs = all(path);
    expect(count(rs, "damage")).toBe(0);
    expect(count(rs, "rows")).toBe(40);
    const first = rs.find((r) => r.kind === "rows")!;
    expect(first.kind === "rows" && first.block).toEqual(block(0, 16384));
    const got = rs.find((r) => r.kind === "session");
    expect(got?.kind === "session" && got.session).toEqual(session);
    const bytes = readFileSync(path);
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt(bytes.length),
        read: async (o: bigint, n: bigint) => bytes.subarray(Number(o), Number(o + n)),
      },
    });
    let messages = 0;
    for await (const m of reader.readMessages({ validateCrcs: true }))
      messages += m.data.length > 0 ? 1 : 0;
    expect(messages).toBe(120);
  });

  test("cut at any of 60 places: every whole chunk before the cut, then one cut", () => {
    const path = join(dir, "c.mcap");
    writeBigLog(path, 40);
    const bytes = readFileSync(path);
    for (let k = 1; k <= 60; k++) {
      const cut = Math.floor((bytes.length * k) / 61);
      writeFileSync(join(dir, "cut.mcap"), bytes.subarray(0, cut));
      const rs = all(join(dir, "cut.mcap"));
      const damaged = rs.filter((r) => r.kind === "damage");
      // The summary after the data may be cut too; either way exactly one note of it.
      expect(damaged).toHaveLength(1);
      const rows = rs.flatMap((r) => (r.kind === "rows" ? [r.block] : []));
      rows.forEach((b, i) => expect(b.firstIndex).toBe(i * 16384));
      expect(rows.length * 65576).toBeGreaterThan(cut - 2 * 1_200_000);
    }
  });

  test("a flipped bit anywhere costs at most its chunk and is always reported", () => {
    const path = join(dir, "c.mcap");
    writeBigLog(path, 40);
    const bytes = readFileSync(path);
    const clean = all(path).flatMap((r) => (r.kind === "rows" ? [r.block] : []));
    let seed = 12345;
    for (let k = 0; k < 40; k++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      const at = 64 + (seed % (bytes.length - 4096));
      const bad = Buffer.from(bytes);
      bad[at]! ^= 1 << (k & 7);
      writeFileSync(join(dir, "bad.mcap"), bad);
      const rs = all(join(dir, "bad.mcap"));
      const rows = rs.flatMap((r) => (r.kind === "rows" ? [r.block] : []));
      expect(rows.length).toBeGreaterThanOrEqual(40 - 17);
      for (const b of rows)
        expect(Buffer.compare(b.bytes, clean[b.firstIndex / 16384]!.bytes)).toBe(0);
      if (rows.length < 40) expect(count(rs, "damage")).toBeGreaterThan(0);
    }
  });

  test("a flipped bit in every third byte of a small log is told, wherever it lies", () => {
    const path = join(dir, "small.mcap");
    writeLog(path, 3, 8);
    const bytes = readFileSync(path);
    const clean = all(path);
    expect(count(clean, "damage")).toBe(0);
    const seen = new Set(words(clean));
    const bad = join(dir, "bad.mcap");
    for (let at = 8; at < bytes.length; at += 3) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << ((at * 5) & 7);
      writeFileSync(bad, flipped);
      const rs = all(bad);
      expect([at, count(rs, "damage")]).not.toEqual([at, 0]);
      // What is still given back is what was written, and one chunk is the most it costs.
      const kept = rs.filter((r) => r.kind !== "damage");
      expect(words(kept).filter((r) => !seen.has(r))).toEqual([]);
      expect(count(rs, "rows")).toBeGreaterThanOrEqual(2);
    }
  });

  test("a chunk is handed over on the first tick a flush period after the last, however late its messages", () => {
    let now = 0;
    const path = join(dir, "aged.mcap");
    const log = new LogWriter(path, session, { flushMs: 500, now: () => now });
    log.declareRows(layout);
    const rows = (): number => count(all(path), "rows");
    const at = (ms: number, ...blocks: number[]): number => {
      now = ms;
      for (const b of blocks) log.rows(block(8 * b, 8));
      log.flushIfDue();
      return rows();
    };
    expect(at(0, 0)).toBe(0);
    expect(at(499, 1)).toBe(0);
    expect(at(500, 2)).toBe(3);
    expect(at(999, 3)).toBe(3);
    // A stall: what piled up goes with the tick that ends it.
    expect(at(1900, 4, 5, 6)).toBe(7);
    expect(at(2000, 7)).toBe(7);
    log.close();
    expect(rows()).toBe(8);
  });

  const onPosix = process.platform === "win32" ? test.skip : test;
  onPosix(
    "a disk that is full is one line, and what was written until then can be read",
    async () => {
      // A limit on file size stands for the full disk: the write fails in the middle of a chunk.
      const path = join(dir, "full.mcap");
      const program = `
      import { LogWriter } from "../../capture/log-writer.ts";
      import { block, layout, session } from "./small-log.ts";
      const log = new LogWriter(process.argv[1], session);
      log.declareRows(layout);
      try {
        for (let i = 0; ; i++) { log.rows(block(16 * i, 16)); log.flush(); }
      } catch (e) { console.log(e.tag + " " + e.message); log.close(); }`;
      const limited = spawnSync(
        "bash",
        [
          "-c",
          'trap "" XFSZ; ulimit -f 32; exec "$0" "$@"',
          process.execPath,
          ...siblingModule(import.meta.url, "./small-log").execArgv,
          "--input-type=module",
          "--eval",
          program.replaceAll(/"(\.[^"]*)"/g, (_, p: string) =>
            JSON.stringify(new URL(p, import.meta.url).href),
          ),
          path,
        ],
        { encoding: "utf8" },
      );
      expect(limited.stdout).toMatch(
        /^SourceError .*full\.mcap: cannot write the log at byte \d+ \(EFBIG\)/,
      );
      const rs = all(path);
      expect(count(rs, "rows")).toBeGreaterThan(10);
      expect(rs.filter((r) => r.kind === "damage")).toMatchObject([{ damage: { what: "cut" } }]);
    },
  );

  test("no capture log is an InputError, not a stack trace", () => {
    expect(() => all(join(dir, "none"))).toThrow(/no capture log/);
    writeFileSync(join(dir, "text"), "hello, not a capture");
    expect(() => all(join(dir, "text"))).toThrow(/not a capture log/);
  });
});
