import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { Collected, record } from "./collect.ts";
import { overtaken } from "./overtaken.ts";
import { compileWriter, hasGcc, isLinux, run } from "./programs.ts";

const hook = new URL("../../scripts/ts-register.mjs", import.meta.url).href;
const program = fileURLToPath(new URL("./node-program.ts", import.meta.url));
const node = (environment: Record<string, string>, ...args: string[]) =>
  run(process.execPath, ["--import", hook, program, ...args], environment);

const suite = isLinux ? describe : describe.skip;
const PRINTED = "7\n8\nRangeError\nTypeError\n9\n";

suite(`Node client${isLinux ? "" : " (skipped: marks need Linux)"}`, () => {
  test("marks, overlapping spans, promises and errors", async () => {
    const sink = new Collected();
    const { result } = await record(sink, (environment) => node(environment));
    expect(result).toMatchObject({ code: 0, stderr: "", stdout: `true\n${PRINTED}` });
    const [start, a, b, aEnd, bEnd, ...rest] = sink.marks;
    expect(start!.fields).toMatchObject({ batch_size: 8, load: 0.5, hop: true, request: "r-17" });
    expect(a!.fields!["span"]).toBe(aEnd!.fields!["span"]);
    expect(b!.fields!["span"]).toBe(bEnd!.fields!["span"]);
    expect(a!.fields!["span"]).not.toBe(b!.fields!["span"]);
    expect(bEnd!.fields).toMatchObject({ tokens: 3 });
    expect(rest.map((m) => [m.phase, m.name, m.fields!["error"]])).toEqual([
      ["begin", "sync", undefined],
      ["end", "sync", undefined],
      ["begin", "async", undefined],
      ["end", "async", undefined],
      ["begin", "failing", undefined],
      ["end", "failing", "RangeError"],
      ["begin", "rejecting", undefined],
      ["end", "rejecting", "TypeError"],
      ["begin", "other realm", undefined],
      ["instant", "inside", undefined],
      ["end", "other realm", undefined],
      ...Array<unknown>(5).fill(["end", "none", undefined]),
    ]);
    for (const m of rest.slice(-5)) expect(m.fields!["span"]).toBeUndefined();
  });

  const c = hasGcc ? test : test.skip;
  c("shares the ring with C under overrun: received + lost is what was written", async () => {
    const writer = compileWriter();
    const sink = new Collected();
    const { totals } = await record(
      sink,
      (e) =>
        Promise.all([node(e, "20000"), run(writer.path, ["burst", "200000", "2", "0", "0"], e)]),
      64,
    );
    expect(totals.received + totals.lost).toBe(21 + 20_000 + 400_000);
    expect([sink.marks.length, sink.lost]).toEqual([totals.received, totals.lost]);
    writer.remove();
  });

  test.each([1n, 18n, 2n ** 33n + 2n])(
    "a writer that was overtaken leaves the slot to the later lap: seq %i",
    async (seq) => {
      const [head, after] = await overtaken(seq, (e) => node(e));
      expect([head > 8n, after]).toEqual([true, seq > 2n ** 32n || seq === 1n ? seq : 34n]);
    },
  );

  test("without the variable it only runs the program; without a ring it says so once", async () => {
    expect(await node({}, "5")).toMatchObject({ code: 0, stdout: `false\n${PRINTED}`, stderr: "" });
    const lone = await node({ TRUEJOULE_MARKS: "/nonexistent" }, "5");
    expect(lone).toMatchObject({ code: 0, stdout: `false\n${PRINTED}` });
    expect(lone.stderr).toMatch(/^truejoule: no marks: [^\n]*ENOENT[^\n]*\n$/);
  });
});
