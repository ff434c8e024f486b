// The session's folder: rings found and refused, FIFO and text file, what is left behind.

import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Header, HEADER_BYTES, SLOT_BYTES } from "../../marks/layout.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { createRing, openRing } from "../../marks/ring-file.ts";
import { Collected } from "./collect.ts";
import { hasPython, isLinux, python, run } from "./programs.ts";

const suite = isLinux ? describe : describe.skip;

suite(`marks source${isLinux ? "" : " (skipped: marks need Linux)"}`, () => {
  let sink: Collected;
  let source: MarksSource;
  beforeEach(() => {
    sink = new Collected();
    source = new MarksSource(sink, 64);
  });
  afterEach(() => void source.close());

  const inFolder = (name: string) => join(source.folder, name);

  test("the folder is private, in the child's environment, and gone afterwards", () => {
    const other = new MarksSource(sink, 8);
    expect(other.environment).toEqual({ TRUEJOULE_MARKS: other.folder });
    expect(statSync(other.folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(other.folder, "shared.ring")).size).toBe(
      HEADER_BYTES + 8 * SLOT_BYTES + (1 << 20),
    );
    other.close();
    expect(existsSync(other.folder)).toBe(false);
  });

  test("folders of killed recorders are removed by the next; those of living ones are not", () => {
    const abandoned = source.folder.replace(/.{6}$/, "stale1");
    mkdirSync(abandoned, { mode: 0o700 });
    closeSync(createRing(join(abandoned, "shared.ring"), 8, 0));
    new MarksSource(sink, 8).close();
    expect(existsSync(abandoned)).toBe(false);
    expect(existsSync(source.folder)).toBe(true);
  });

  test("lines from a shell, through the text file and the FIFO", async () => {
    const before = process.hrtime.bigint();
    await run(
      "sh",
      ["-c", "echo begin prefill batch_size=8 >> $TRUEJOULE_MARKS/text"],
      source.environment,
    );
    await run("sh", ["-c", "echo first_token > $TRUEJOULE_MARKS/fifo"], source.environment);
    source.poll();
    const [token, prefill] = sink.marks;
    expect(token).toMatchObject({ name: "first_token", phase: "instant", clock: "host" });
    expect(prefill).toMatchObject({ name: "prefill", phase: "begin", fields: { batch_size: 8 } });
    for (const m of [token!, prefill!]) {
      expect(m.t > before && m.t < process.hrtime.bigint()).toBe(true);
      // The line was written after the look before this one: the interval must reach back that far.
      expect(Number(m.t - before)).toBeLessThan(m.fields!["stamp_interval_ns"] as number);
    }
  });

  test("a line's own stamp is taken; one from the future is not, and is kept", () => {
    const t = process.hrtime.bigint();
    appendFileSync(inFolder("text"), `@${t} a\n@1800000000000000000 b\n`);
    source.poll();
    expect(sink.marks[0]).toEqual({ name: "a", phase: "instant", clock: "host", t, fields: {} });
    expect(sink.marks[1]!.t < 1800000000000000000n).toBe(true);
    expect(sink.marks[1]!.fields).toMatchObject({ stamp_rejected: "1800000000000000000" });
    expect(sink.marks[1]!.fields!["stamp_interval_ns"]).toBeGreaterThan(0);
  });

  test("malformed and overlong lines are counted with their number; the next line is read", () => {
    appendFileSync(
      inFolder("text"),
      `good\nbegin\n${"x".repeat(9000)}\n\nalso pid=7\n\xff=1\n${"y".repeat(4096)}\n`,
    );
    source.poll();
    appendFileSync(inFolder("text"), "last");
    source.poll();
    expect(sink.marks.map((m) => m.name)).toEqual(["good", "also"]);
    expect(sink.marks[1]!.fields).toMatchObject({ "user.pid": 7 });
    expect(sink.losses.map((l) => l.why.replace(/^.*\/text/, "text"))).toEqual([
      "text:2: not a mark: a phase without a name",
      "text:3: not a mark: longer than 4096 bytes",
      "text:6: not a mark: expected a name before ÿ=",
      "text:7: not a mark: longer than 4096 bytes",
    ]);
    expect(sink.lost).toBe(4);
    source.close();
    expect(sink.marks[2]!.name).toBe("last");
    source = new MarksSource(sink, 8);
  });

  test("split anywhere, the same lines come out", () => {
    const text = Buffer.from('begin "é 🔥" a=1\n\nend x b="ü"\nnonsense here\n');
    for (let cut = 0; cut <= text.length; cut++) {
      appendFileSync(inFolder("text"), text.subarray(0, cut));
      source.poll();
      appendFileSync(inFolder("text"), text.subarray(cut));
      source.poll();
    }
    const n = text.length + 1;
    expect(sink.marks.filter((m) => m.name === "é 🔥" && m.fields!["a"] === 1)).toHaveLength(n);
    expect(sink.marks.filter((m) => m.name === "x" && m.fields!["b"] === "ü")).toHaveLength(n);
    expect([sink.marks.length, sink.lost]).toEqual([2 * n, n]);
  });

  test("an overlong line that comes in pieces is counted once", () => {
    for (let k = 0; k < 5; k++) {
      appendFileSync(inFolder("text"), "z".repeat(3000));
      source.poll();
    }
    appendFileSync(inFolder("text"), "\nafter\n");
    source.poll();
    expect(sink.lost).toBe(1);
    expect(sink.marks.map((m) => m.name)).toEqual(["after"]);
  });

  test("a text file that shrank is read from its beginning, and that is said", () => {
    appendFileSync(inFolder("text"), "one\ntwo\n");
    source.poll();
    truncateSync(inFolder("text"), 0);
    appendFileSync(inFolder("text"), "new\n");
    source.poll();
    expect(sink.marks.map((m) => m.name)).toEqual(["one", "two", "new"]);
    expect(sink.losses).toEqual([{ count: 0, why: expect.stringMatching(/shrank from 8 bytes/) }]);
  });

  test("a FIFO whose writers come and go, and a flood, neither block nor end it", () => {
    for (const name of ["a", "b"]) {
      const fd = openSync(inFolder("fifo"), "w");
      writeSync(fd, `${name}\n`);
      source.poll();
    }
    const fd = openSync(inFolder("fifo"), "w");
    const line = `${"c".repeat(62)}\n`;
    writeSync(fd, line.repeat(1000));
    source.poll();
    expect(sink.marks).toHaveLength(1002);
    source.poll();
  });

  test("a ring that is found when its process has marked for long is read from where it stands", async () => {
    await sleep(100);
    const fd = createRing(inFolder("1-late.ring"), 8, 16);
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(3_000_000n);
    writeSync(fd, head, 0, 8, Header.head);
    source.poll();
    expect(sink.losses[0]).toMatchObject({
      count: 2_999_992,
      why: expect.stringContaining("overwritten"),
    });
    closeSync(fd);
  });

  test("what is no ring is refused once, in one line, and the rest goes on", () => {
    writeFileSync(inFolder("garbage.ring"), Buffer.alloc(5000, 7));
    writeFileSync(inFolder("empty.ring"), "");
    source.poll();
    source.poll();
    expect(sink.losses.map((l) => l.why).sort()).toEqual([
      `${inFolder("empty.ring")}: not a mark ring (expected TJMARKS at offset 0)`,
      `${inFolder("garbage.ring")}: not a mark ring (expected TJMARKS at offset 0)`,
    ]);
  });

  test.each<[string, number, number, RegExp]>([
    ["version", 8, 2, /another version \(expected version 1 at offset 8, found 2\)$/],
    ["slot size", 12, 64, /bad slot size \(expected 256 at offset 12, found 64\)$/],
    [
      "capacity",
      16,
      12,
      /bad capacity \(expected a power of two, 8 to 2\^20, at offset 16, found 12\)$/,
    ],
    ["capacity against size", 16, 32, /bad size \(expected 12288 bytes, found 8192\)$/],
    [
      "names area",
      20,
      5,
      /bad names area \(expected 0 or a power of two, 16 to 2\^30, at offset 20, found 5\)$/,
    ],
  ])("a ring with a wrong %s: one line", (_name, offset, value, message) => {
    const path = inFolder("x");
    closeSync(createRing(path, 16, 0));
    const fd = openSync(path, "r+");
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    writeSync(fd, bytes, 0, 4, offset);
    expect(() => openRing(path)).toThrow(message);
    expect(() => openRing(path)).toThrow(/^[^\n]*$/);
  });

  const withPython = hasPython ? test : test.skip;
  withPython(
    "the ring of a process that ended is drained, counted and removed while recording goes on",
    async () => {
      await python(`import truejoule as tj; tj.mark("short-lived")`, source.environment);
      source.poll();
      expect(sink.marks.map((m) => m.name)).toEqual(["short-lived"]);
      const ring = sink.marks[0]!.fields!["pid"] as number;
      const names = () => run("ls", [source.folder]).then((e) => e.stdout);
      await sleep(1100);
      source.poll();
      expect(await names()).not.toContain(`${ring}-`);
      expect(source.totals).toEqual({ received: 1, lost: 0, opened: true });
    },
  );
});
