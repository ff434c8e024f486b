// The C client against the recorder's source: real processes, real threads, real shared memory.

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Mark } from "../../schema/records.ts";
import { Collected, record } from "./collect.ts";
import { overtaken } from "./overtaken.ts";
import { type Ended, compileWriter, hasGcc, run } from "./programs.ts";

const suite = hasGcc ? describe : describe.skip;

/** Checks marks of writer.c's `burst` as they come, without keeping them. */
class BurstCheck extends Collected {
  received = 0;
  readonly #next = new Map<string, number>();
  readonly wrong: string[] = [];

  override onMark(m: Mark): void {
    this.received++;
    const f = m.fields!;
    const i = f["i"] as number;
    // i counts up in each writer; an overrun may skip, nothing may repeat or go back.
    const intact = m.name === `w${String(f["w"])}` && f["minus"] === (i === 0 ? 0 : -i) && m.t > 0n;
    if (!intact || i < (this.#next.get(m.name) ?? 0))
      this.wrong.push(JSON.stringify({ ...m, t: String(m.t) }));
    this.#next.set(m.name, i + 1);
  }
}

suite(`C client${hasGcc ? "" : " (skipped: no gcc on this machine)"}`, () => {
  let writer: ReturnType<typeof compileWriter>;
  beforeAll(() => {
    writer = compileWriter();
    expect(writer.error).toBe("");
  });
  afterAll(() => writer.remove());

  test("two processes, 500,000 marks each: all there, in order, whole", async () => {
    const sink = new BurstCheck();
    const { totals } = await record(sink, (environment) =>
      Promise.all(
        [0, 1].map((n) => run(writer.path, ["burst", "500000", "1", `${n}`, "1"], environment)),
      ),
    );
    expect(sink.wrong).toEqual([]);
    expect(totals).toEqual({ received: 1_000_000, lost: 0, opened: true });
    expect(sink.received).toBe(1_000_000);
  }, 60_000);

  test("overrun by four unpaced threads: received + lost is what was written, nothing torn", async () => {
    const sink = new BurstCheck();
    const { totals } = await record(
      sink,
      (environment) => run(writer.path, ["burst", "500000", "4", "0", "0"], environment),
      64,
    );
    expect(sink.wrong).toEqual([]);
    expect(totals.received + totals.lost).toBe(2_000_000);
    expect(totals.received).toBeGreaterThan(0);
    expect(sink.received).toBe(totals.received);
    expect(sink.lost).toBe(totals.lost);
    expect(sink.lost).toBeGreaterThan(0);
  }, 60_000);

  test.each([1n, 16n, 17n, 18n, 2n ** 33n + 2n])(
    "a writer that was overtaken leaves the slot to the later lap: seq %i",
    async (seq) => {
      const mark = (e: Record<string, string>) =>
        run(writer.path, ["emit", "3", "late", "0", "0", "0"], e);
      expect(await overtaken(seq, mark)).toEqual([1n, seq]);
    },
  );

  test("a writer killed inside a slot costs one mark, once", async () => {
    const sink = new Collected();
    const { result, totals } = await record(sink, async (environment) => {
      const killed = await run(writer.path, ["die"], environment);
      await run(writer.path, ["burst", "40", "1", "0", "1"], environment);
      return killed;
    });
    expect(result.signal).toBe("SIGKILL");
    expect(totals).toEqual({ received: 41, lost: 1, opened: true });
    expect(sink.losses).toEqual([{ count: 1, why: expect.stringContaining("never completed") }]);
    expect(sink.marks.map((m) => m.name)).toEqual(["before", ...Array<string>(40).fill("w0")]);
  });

  test("every helper arrives as documented", async () => {
    const sink = new Collected();
    const { totals } = await record(sink, (environment) => run(writer.path, ["api"], environment));
    const [
      fields,
      outer,
      inner,
      outerEnd,
      innerEnd,
      span,
      spanEnd,
      submit,
      kernel,
      kernelEnd,
      cut,
    ] = sink.marks;
    expect(totals).toEqual({ received: 10, lost: 0, opened: true });
    expect(fields).toMatchObject({ phase: "instant", clock: "host" });
    expect(fields!.fields).toMatchObject({ batch_size: 8, load: 0.5, hop: true, request: "r-17" });
    expect(outer!.fields!["span"]).toBe(outerEnd!.fields!["span"]);
    expect(inner!.fields!["span"]).toBe(innerEnd!.fields!["span"]);
    expect(outer!.fields!["span"]).not.toBe(inner!.fields!["span"]);
    expect(innerEnd!.fields).toMatchObject({ tokens: 3 });
    expect(innerEnd!.t >= outerEnd!.t && outerEnd!.t >= inner!.t).toBe(true);
    expect([span!.phase, span!.t, spanEnd!.phase, spanEnd!.t]).toEqual([
      "begin",
      1000n,
      "end",
      2000n,
    ]);
    expect(submit!.fields).toMatchObject({ kind: "submit", correlation: 42 });
    expect(kernel!.name).toMatch(/^void cutlass::Kernel2<.{100,}::Params\)$/);
    expect([kernel!.t, kernelEnd!.t, kernel!.fields!["correlation"]]).toEqual([3000n, 4000n, 42]);
    expect(sink.exchanges).toEqual([
      {
        stream: "program:gpu0",
        sent: 5000n,
        deviceReceived: 9007199254740993n,
        deviceSent: 9007199254740993n,
        received: 5002n,
      },
    ]);
    expect(cut!.name).toHaveLength(96);
    expect(cut!.fields!["truncated"]).toBe(true);
  });

  test("marks 10: a name of 64 KiB is kept whole; a longer one is refused, and then cut like others", async () => {
    const sink = new Collected();
    const { totals } = await record(sink, (environment) => run(writer.path, ["long"], environment));
    expect(totals).toEqual({ received: 2, lost: 0, opened: true });
    const [kept, cut] = sink.marks;
    expect([kept!.name, kept!.fields!["truncated"]]).toEqual(["a".repeat(65_536), undefined]);
    expect([cut!.name, cut!.fields!["truncated"]]).toEqual(["b".repeat(96), true]);
  });

  test("a forked child marks under its own process id", async () => {
    const sink = new Collected();
    await record(sink, (environment) => run(writer.path, ["fork"], environment));
    const [parent, child, again] = sink.marks;
    expect(sink.marks.map((m) => m.name)).toEqual(["parent", "child", "parent again"]);
    expect(parent!.fields).toEqual(again!.fields);
    expect(child!.fields!["pid"]).not.toBe(parent!.fields!["pid"]);
    expect(child!.fields!["tid"]).toBe(child!.fields!["pid"]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["without the variable: nothing", {}, /^$/],
    [
      "no folder: one line",
      { TRUEJOULE_MARKS: "/nonexistent" },
      /^truejoule: no marks: \/nonexistent\/shared.ring cannot be opened: No such file or directory\n$/,
    ],
  ])("%s", async (_name, environment, stderr) => {
    const ended: Ended = await run(writer.path, ["burst", "10", "3", "0", "0"], environment);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(stderr);
  });
});
