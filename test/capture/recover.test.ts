import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { McapIndexedReader } from "@mcap/core";
import { recoverLog } from "../../capture/recover.ts";
import { problemsOf, verifyLog } from "../../capture/verify.ts";
import { random } from "../../stats/random.ts";
import { all, count, scratch, sweep, words, writeLog } from "./small-log.ts";

afterEach(sweep);

/** A log, spoiled by `change`, and its recovery. */
function recovered(change: (bytes: Buffer) => Buffer, chunks = 8) {
  const dir = scratch();
  const [good, bad, to] = ["good", "bad", "new"].map((n) => join(dir, `${n}.mcap`)) as [
    string,
    string,
    string,
  ];
  writeLog(good, chunks);
  const spoiled = change(readFileSync(good));
  writeFileSync(bad, spoiled);
  const result = recoverLog(bad, to);
  expect(readFileSync(bad).equals(spoiled)).toBe(true);
  return { good, bad, to, result };
}

describe("recover", () => {
  test("a whole log is copied record for record, and says so without counting a loss", () => {
    const { good, to, result } = recovered((b) => b);
    const copy = all(to);
    expect(words(copy.slice(0, -1))).toEqual(words(all(good)));
    expect(copy.at(-1)).toMatchObject({ kind: "note", note: { level: "info" } });
    expect(result).toMatchObject({ chunks: 8, dropped: [], droppedBytes: 0, missingMessages: 0 });
    expect(problemsOf(verifyLog(to))).toEqual([]);
  });

  test("a damaged chunk is left out and counted; the rest is byte for byte what it was", () => {
    const { good, to, result } = recovered((b) => {
      b[Math.floor(b.length / 2)]! ^= 4;
      return b;
    });
    expect(result).toMatchObject({ chunks: 7, missingMessages: 3 });
    expect(result.dropped).toHaveLength(1);
    const clean = new Set(words(all(good)));
    const kept = all(to).filter((r) => r.kind !== "damage" && r.kind !== "note");
    expect(words(kept).filter((r) => !clean.has(r))).toEqual([]);
    expect(count(kept, "rows")).toBe(7);
    const notes = all(to).flatMap((r) => (r.kind === "note" ? [r.note] : []));
    expect(notes).toEqual([
      {
        level: "loss",
        text: expect.stringMatching(
          /^recovered from bad\.mcap .*sha256 [0-9a-f]{64}, chain head [0-9a-f]{64} of 10 links\): 1 damaged stretch of \d+ bytes left out; 3 messages missing/,
        ) as unknown,
        count: result.droppedBytes,
      },
    ]);
  });

  test("a log that was cut says so, and what of it can be lost at the most", () => {
    const textOf = (change: (b: Buffer) => Buffer): string => recovered(change).result.note.text;
    expect(textOf((b) => b.subarray(0, b.length - 500))).toMatch(
      /cut at the end, where at most the last open chunk is lost/,
    );
    const damaged = textOf((b) => {
      b[Math.floor(b.length / 2)]! ^= 4;
      return b;
    });
    expect(damaged).not.toMatch(/cut at the end/);
  });

  test("the new log is an MCAP file with an index that other readers can use", async () => {
    const { to } = recovered((b) => b.subarray(0, b.length - 500));
    const bytes = readFileSync(to);
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt(bytes.length),
        read: async (o: bigint, n: bigint) => bytes.subarray(Number(o), Number(o + n)),
      },
    });
    let messages = 0;
    for await (const m of reader.readMessages({ validateCrcs: true }))
      messages += m.data.length > 0 ? 1 : 0;
    const inLog = all(to).filter((r) => ["rows", "read", "mark", "note"].includes(r.kind));
    expect(messages).toBe(inLog.length);
  });

  test("cut at any byte: every whole chunk before the cut, nothing that was not there", () => {
    const dir = scratch();
    const good = join(dir, "good.mcap");
    writeLog(good, 6);
    const bytes = readFileSync(good);
    const clean = new Set(words(all(good)));
    const session = bytes.indexOf("rig.yaml"); // the session header is whole from about here on
    const r = random(5, "cuts");
    for (let k = 0; k < 60; k++) {
      const cut = session + r.integer(bytes.length - session);
      const [bad, to] = [join(dir, "bad.mcap"), join(dir, `new-${k}.mcap`)];
      writeFileSync(bad, bytes.subarray(0, cut));
      const result = recoverLog(bad, to);
      expect(result.note.level).toBe("loss");
      const got = all(to);
      expect(count(got, "damage")).toBe(0);
      const kept = got.filter((x) => x.kind !== "note");
      expect(words(kept).filter((w) => !clean.has(w))).toEqual([]);
      expect(count(kept, "rows")).toBe(count(all(bad), "rows"));
      expect(problemsOf(verifyLog(to))).toHaveLength(1);
    }
  });

  test("recovering what was recovered keeps the first note", () => {
    const { to } = recovered((b) => b.subarray(0, b.length - 500));
    const again = `${to}.again`;
    recoverLog(to, again);
    const notes = all(again).flatMap((r) => (r.kind === "note" ? [r.note.level] : []));
    expect(notes).toEqual(["loss", "info"]);
    expect(count(all(again), "damage")).toBe(0);
  });

  test("without a session header there is nothing to recover", () => {
    const dir = scratch();
    const [bad, to] = [join(dir, "bad.mcap"), join(dir, "new.mcap")];
    writeLog(bad, 2);
    const bytes = readFileSync(bad);
    bytes[bytes.indexOf('"schema"') + 3]! ^= 1;
    writeFileSync(bad, bytes);
    expect(() => recoverLog(bad, to)).toThrow(/bad\.mcap: the session header itself is lost/);
  });

  test("an existing file is never overwritten", () => {
    const dir = scratch();
    writeLog(join(dir, "a.mcap"), 1);
    writeFileSync(join(dir, "b.mcap"), "mine");
    expect(() => recoverLog(join(dir, "a.mcap"), join(dir, "b.mcap"))).toThrow(/EEXIST/);
    expect(existsSync(join(dir, "b.mcap")) && readFileSync(join(dir, "b.mcap"), "utf8")).toBe(
      "mine",
    );
  });
});
