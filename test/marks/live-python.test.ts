// The Python client against the recorder's source, in real processes.

import { readdirSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import type { Mark } from "../../schema/records.ts";
import { Collected, record } from "./collect.ts";
import { hasPython, python } from "./programs.ts";

const suite = hasPython ? describe : describe.skip;

async function marksOf(code: string): Promise<{ sink: Collected; lost: number; received: number }> {
  const sink = new Collected();
  const { result, totals } = await record(sink, (environment) => python(code, environment));
  if (result.code !== 0) throw new Error(result.stderr);
  return { sink, ...totals };
}

const shape = (m: Mark) => [m.phase, m.name];
function ownFields(m: Mark): Record<string, unknown> {
  const own: Record<string, unknown> = { ...m.fields };
  for (const ours of ["pid", "tid", "span"]) delete own[ours];
  return own;
}
const spanOf = (m: Mark | undefined) => m!.fields!["span"];

suite(`Python client${hasPython ? "" : " (skipped: no python3 on this machine)"}`, () => {
  test("spans nest, carry fields at both ends, and pair by their span", async () => {
    const { sink } = await marksOf(`
import truejoule as tj
assert tj.recording()
with tj.span("step", n=1):
    with tj.span("prefill", batch_size=8, load=0.5, hop=True, request="r-17") as s:
        tj.mark("first_token", request="r-17")
        s.add(tokens=5)
`);
    expect(sink.marks.map(shape)).toEqual([
      ["begin", "step"],
      ["begin", "prefill"],
      ["instant", "first_token"],
      ["end", "prefill"],
      ["end", "step"],
    ]);
    const [step, prefill, token, prefillEnd, stepEnd] = sink.marks;
    expect(ownFields(prefill!)).toEqual({ batch_size: 8, load: 0.5, hop: true, request: "r-17" });
    expect(ownFields(prefillEnd!)).toEqual({ tokens: 5 });
    expect(spanOf(prefill)).toBe(spanOf(prefillEnd));
    expect(spanOf(step)).toBe(spanOf(stepEnd));
    expect(spanOf(step)).not.toBe(spanOf(prefill));
    expect(spanOf(token)).toBeUndefined();
    const times = sink.marks.map((m) => m.t);
    expect([...times].sort((a, b) => (a < b ? -1 : 1))).toEqual(times);
  });

  test("stamps are on the recorder's own clock", async () => {
    const before = process.hrtime.bigint();
    const { sink } = await marksOf(`import truejoule as tj; tj.mark("now")`);
    expect(sink.marks[0]!.t > before && sink.marks[0]!.t < process.hrtime.bigint()).toBe(true);
  });

  test("an exception ends the span, is named on it, and passes on", async () => {
    const { sink } = await marksOf(`
import truejoule as tj
try:
    with tj.span("prefill"):
        raise ValueError("no")
except ValueError:
    tj.mark("caught")
`);
    expect(sink.marks.map(shape)).toEqual([
      ["begin", "prefill"],
      ["end", "prefill"],
      ["instant", "caught"],
    ]);
    expect(ownFields(sink.marks[1]!)).toEqual({ error: "ValueError" });
  });

  test("decorates functions, coroutines and generators; every call is a span of its own", async () => {
    const { sink } = await marksOf(`
import asyncio, truejoule as tj
@tj.span("f", a=1)
def f(n):
    "doc"
    return f(n - 1) if n else 7
@tj.span("co")
async def co():
    await asyncio.sleep(0.001)
    return 8
@tj.span("gen")
def gen():
    got = yield 1
    return got
async def both():
    return await asyncio.gather(co(), co())
assert f(1) == 7 and f.__name__ == "f" and f.__doc__ == "doc"
assert asyncio.run(both()) == [8, 8]
g = gen()
assert next(g) == 1
tj.mark("between")
try:
    g.send(9)
except StopIteration as stop:
    assert stop.value == 9
try:
    @tj.span("bad")
    async def bad():
        yield 1
    raise SystemExit("an async generator was decorated")
except TypeError:
    pass
`);
    const byName = (name: string) => sink.marks.filter((m) => m.name === name);
    expect(byName("f").map((m) => m.phase)).toEqual(["begin", "begin", "end", "end"]);
    expect(byName("co").map((m) => m.phase)).toEqual(["begin", "begin", "end", "end"]);
    expect(new Set(byName("co").map(spanOf)).size).toBe(2);
    expect(sink.marks.slice(-3).map(shape)).toEqual([
      ["begin", "gen"],
      ["instant", "between"],
      ["end", "gen"],
    ]);
  });

  test("one span object entered again while it is open, by nesting, in threads and tasks: each end is its own begin's", async () => {
    const { sink } = await marksOf(`
import asyncio, threading, truejoule as tj
shared = tj.span("shared")
def nested(depth):
    with shared:
        shared.add(depth=depth)
        tj.mark("in", depth=depth)
        if depth: nested(depth - 1)
nested(3)
gate = threading.Barrier(3)
def worker(k):
    with shared:
        shared.add(who=k)
        tj.mark("at", who=k)
        for step in range(3):
            gate.wait()
            if step == k: break
    for _ in range(2 - k): gate.wait()
threads = [threading.Thread(target=worker, args=(k,)) for k in range(3)]
for t in threads: t.start()
for t in threads: t.join()
async def task(k):
    with shared:
        shared.add(task=k)
        await asyncio.sleep(0.01 * k)
async def both(): await asyncio.gather(*[task(k) for k in range(3)])
asyncio.run(both())
def closed_elsewhere():
    with shared: yield
g = closed_elsewhere(); next(g)
t = threading.Thread(target=g.close); t.start(); t.join()
for _ in range(2000): shared.__enter__()
for _ in range(2000): shared.__exit__(None, None, None)
`);
    const shared = sink.marks.filter((m) => m.name === "shared");
    const begins = shared.filter((m) => m.phase === "begin").map(spanOf);
    const ends = shared.filter((m) => m.phase === "end");
    expect(begins).toHaveLength(4 + 3 + 3 + 1 + 2000);
    expect(new Set(ends.map(spanOf))).toEqual(new Set(begins));
    expect(ends).toHaveLength(begins.length);
    const late = (key: string) => ends.map((m) => m.fields![key]).filter((v) => v !== undefined);
    expect(late("depth")).toEqual([0, 1, 2, 3]);
    expect(late("task")).toEqual([0, 1, 2]); // the first that began ends first
    expect(late("who").sort()).toEqual([0, 1, 2]);
  });

  test("odd fields neither raise nor wait: strangers are named, not turned into text", async () => {
    const { sink } = await marksOf(`
import fractions, truejoule as tj
class Tensor:
    def __str__(self): raise RuntimeError("would wait for the GPU")
    __repr__ = __str__
tj.mark("odd", name="n", number=1, tensor=Tensor(), none=None, big=2**63, huge=10**5000, third=fractions.Fraction(1, 4),
        nan=float("nan"), inf=float("-inf"), pid=5, span="mine", **{"": 1, "\\ud800": "\\ud800"})
tj.mark(None)
tj.mark("long", text="é" * 300)
`);
    expect(ownFields(sink.marks[0]!)).toEqual({
      name: "n",
      number: 1,
      tensor: "<Tensor>",
      none: "<NoneType>",
      big: "9223372036854775808",
      huge: "<int>",
      third: 0.25,
      nan: "NaN",
      inf: "-Infinity",
      "user.pid": 5,
      "user.span": "mine",
      _: 1,
      "?": "?",
    });
    expect(sink.marks[1]!.name).toBe("<NoneType>");
    expect(ownFields(sink.marks[2]!)).toEqual({ truncated: true });
  });

  test("ends of no span, numbers beyond a double and texts of odd classes do not raise", async () => {
    const { sink, received } = await marksOf(`
import enum, fractions, truejoule as tj
class Raising(int):
    def __int__(self): raise ValueError
class Text(str):
    __hash__ = None
    def encode(self, *a, **k): raise ValueError
class Stage(str, enum.Enum):
    A = "prefill"
for number in (None, -1, 2**64, "5", 1.5):
    tj.end("none", number)
tj.mark(Text("odd"), ratio=fractions.Fraction(10**400), n=Raising(3), text=Text("t"))
tj.mark(Stage.A, stage=Stage.A)
`);
    expect(received).toBe(7);
    for (const m of sink.marks.slice(0, 5))
      expect([shape(m), spanOf(m)]).toEqual([["end", "none"], undefined]);
    expect(sink.marks.slice(5).map((m) => [m.name, ownFields(m)])).toEqual([
      ["odd", { ratio: "<Fraction>", n: "<Raising>", text: "t" }],
      ["prefill", { stage: "prefill" }],
    ]);
  });

  test("two processes, two threads each, 50,000 marks a thread: all there, in order", async () => {
    const sink = new Collected();
    const next = new Map<string, number>();
    const wrong: string[] = [];
    let received = 0;
    sink.onMark = (m) => {
      received++;
      const key = `${String(m.fields!["pid"])}.${m.name}`;
      const i = m.fields!["i"] as number;
      if (i !== (next.get(key) ?? 0)) wrong.push(`${key}: ${i}`);
      next.set(key, i + 1);
    };
    const code = `
import threading, time, truejoule as tj
from truejoule import _session
def work(name):
    words = _session.ring()._words
    for i in range(50000):
        if i % 64 == 0:
            while words[8] > words[24] + 4096:  # head, tail: half a ring behind
                time.sleep(0.0002)
        tj.mark(name, i=i)
tj.recording()
threads = [threading.Thread(target=work, args=("w%d" % k,)) for k in range(2)]
for t in threads: t.start()
for t in threads: t.join()
`;
    const { result, totals } = await record(sink, (e) =>
      Promise.all([python(code, e), python(code, e)]),
    );
    expect(result.map((r) => r.stderr)).toEqual(["", ""]);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(totals).toMatchObject({ received: 200_000, lost: 0 });
    expect(received).toBe(200_000);
  }, 120_000);

  test("forked children get rings of their own; marks inside signal handlers and finalisers are safe", async () => {
    const { sink, received, lost } = await marksOf(`
import multiprocessing, os, signal, truejoule as tj
tj.mark("parent")
pid = os.fork()
if pid == 0:
    tj.mark("child")
    os._exit(0)
os.waitpid(pid, 0)
context = multiprocessing.get_context("fork")
p = context.Process(target=tj.mark, args=("worker",))
p.start(); p.join()
class Late:
    def __del__(self): tj.mark("finaliser")
signal.signal(signal.SIGALRM, lambda *_: tj.mark("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for i in range(20000):
    tj.mark("loop", i=i)
    if i % 100 == 0: Late()
signal.setitimer(signal.ITIMER_REAL, 0)
`);
    const names = sink.marks.map((m) => m.name);
    const pids = new Set(sink.marks.map((m) => m.fields!["pid"]));
    expect(pids.size).toBe(3);
    expect(names.filter((n) => n === "child" || n === "worker")).toHaveLength(2);
    const loop = sink.marks.filter((m) => m.name === "loop").map((m) => m.fields!["i"] as number);
    expect(received).toBe(names.length);
    expect(loop.length + lost).toBeGreaterThanOrEqual(20_000);
    expect(loop.every((i, k) => k === 0 || i > loop[k - 1]!)).toBe(true);
    expect(names).toContain("alarm");
    expect(names).toContain("finaliser");
  });

  test("overrun: received + lost is what was written", async () => {
    const sink = new Collected();
    const { result } = await record(sink, async (environment) =>
      python(
        `
import truejoule as tj
from truejoule import _session
for i in range(100000): tj.mark("m", i=i)
print(_session.ring()._words[8])
`,
        environment,
      ),
    );
    expect(result.stdout.trim()).toBe("100000");
    expect(sink.marks.length + sink.lost).toBe(100_000);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["without the variable: nothing", {}, /^$/],
    [
      "no folder: one line",
      { TRUEJOULE_MARKS: "/nonexistent" },
      /^truejoule: no marks: .*No such file.*\n$/,
    ],
    [
      "a folder that is no recorder's: one line, and nothing in it",
      { TRUEJOULE_MARKS: import.meta.dirname },
      /^truejoule: no marks: .*No such file.*shared\.ring.*\n$/,
    ],
  ])("%s", async (_name, environment, stderr) => {
    const ended = await python(
      `
import truejoule as tj
assert not tj.recording()
with tj.span("a"): tj.mark("b")
`,
      environment,
    );
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(stderr);
    expect(readdirSync(import.meta.dirname).filter((n) => n.includes(".ring"))).toEqual([]);
  });
});
