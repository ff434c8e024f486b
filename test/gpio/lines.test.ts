import { describe, expect, test } from "@jest/globals";
import type { EdgeSink } from "../../gpio/edge-decoder.ts";
import { findLine, listChips } from "../../gpio/chips.ts";
import { InputLine, openInput } from "../../gpio/input-line.ts";
import { drive, openOutput, syncMark } from "../../gpio/output-line.ts";
import { SIM_OFFSET, type Wire, simulatedLine } from "../../gpio/sim-line.ts";
import { linux } from "../../gpio/kernel.ts";
import type { Mark } from "../../schema/records.ts";
import { FakeKernel } from "./fake-kernel.ts";

const PI = {
  name: "gpiochip0",
  label: "pinctrl-bcm2711",
  lines: ["OUT", "IN", "", "LED"],
  used: [3],
};
const SECOND = { name: "gpiochip1", label: "pinctrl-bcm2711", lines: ["X"] };
const ONE_LINE = { name: "gpiochip2", label: "tiny", lines: ["ONLY"] };

class Collected implements EdgeSink {
  readonly marks: Mark[] = [];
  readonly losses: { count: number; why: string }[] = [];
  onMark(mark: Mark): void {
    this.marks.push(mark);
  }
  onLoss(count: number, why: string): void {
    this.losses.push({ count, why });
  }
  get lost(): number {
    return this.losses.reduce((sum, l) => sum + l.count, 0);
  }
}

describe("finding a line", () => {
  const kernel = new FakeKernel(PI, ONE_LINE);

  test.each<[string, string, number]>([
    ["pinctrl-bcm2711/OUT", "gpiochip0", 0],
    ["gpiochip0/IN", "gpiochip0", 1],
    ["gpiochip0/2", "gpiochip0", 2],
    ["tiny/0", "gpiochip2", 0],
  ])("%s", (name, chip, offset) => {
    const found = findLine(kernel, name);
    expect([found.chip.name, found.line.offset]).toEqual([chip, offset]);
    expect(kernel.openFiles).toBe(0);
  });

  test.each<[string, RegExp]>([
    ["OUT", /^OUT: no line name \(expected CHIP\/LINE, such as/],
    ["gpiochip0/", /no line name/],
    [
      "gpiochip9/OUT",
      /no such GPIO chip \(expected a chip of this machine, found pinctrl-bcm2711, tiny\)$/,
    ],
    ["gpiochip0/NOPE", /no such line \(expected a line of this chip, found OUT, IN, 2, LED\)$/],
  ])("%s is refused in one line", (name, message) => {
    expect(() => findLine(kernel, name)).toThrow(message);
  });

  test("a text that fits two lines is refused and both are named", () => {
    const two = new FakeKernel(PI, SECOND);
    expect(() => findLine(two, "pinctrl-bcm2711/0")).toThrow(
      /more than one line fits .*gpiochip0\/0, gpiochip1\/0/,
    );
  });

  test("no chip, and no permission: the remedy is said", () => {
    expect(() => findLine(new FakeKernel(), "a/b")).toThrow(/no GPIO chip/);
    const denied = new FakeKernel(PI);
    denied.denied = true;
    expect(() => findLine(denied, "gpiochip0/OUT")).toThrow(
      /^\/dev\/gpiochip0: no permission: .*udev/,
    );
    expect(listChips(denied).blocked).toHaveLength(1);
  });

  test("this machine's own chips can be listed, whatever they are", () => {
    if (process.platform !== "linux") expect(() => linux()).toThrow(/need Linux/);
    else expect(Array.isArray(listChips(linux()).usable)).toBe(true);
  });
});

describe("output and input through the kernel's structures", () => {
  test("edges driven on one line are heard on the other, stamped inside their bracket", async () => {
    const kernel = new FakeKernel(PI);
    const sink = new Collected();
    const input = openInput("gpiochip0/IN+2", sink, kernel);
    const output = await openOutput("pinctrl-bcm2711/OUT", kernel);
    const driven = [1, 0, 1].map((level) => drive(output, level as 0 | 1));
    input.poll();
    expect(sink.marks.map((m) => m.fields)).toEqual([
      { kind: "edge_in", level: 1, seqno: 1 },
      { kind: "edge_in", level: 0, seqno: 2 },
      { kind: "edge_in", level: 1, seqno: 3 },
    ]);
    driven.forEach((d, i) => {
      expect(d.before <= sink.marks[i]!.t && sink.marks[i]!.t <= d.after).toBe(true);
      const mark = syncMark(d, "pattern", output.name);
      const half_ns = Number(d.after - d.before) / 2;
      expect(mark).toEqual({
        name: "sync",
        phase: d.level === 1 ? "begin" : "end",
        clock: "host",
        t: d.before + BigInt(Math.floor(half_ns)),
        fields: { half_ns, cause: "pattern", output: "pinctrl-bcm2711/OUT" },
      });
    });
    output.close();
    input.close();
    expect(sink.marks.at(-1)!.fields).toMatchObject({ level: 0 });
    expect(sink.losses).toEqual([]);
    expect(kernel.openFiles).toBe(0);
  });

  test("an input asks for two lines: edges of its own, the companion quiet", () => {
    const kernel = new FakeKernel(PI);
    const sink = new Collected();
    const input = openInput("pinctrl-bcm2711/IN+OUT", sink, kernel);
    const [request] = [...kernel.requests.values()];
    expect(request!.offsets).toEqual([1, 0]);
    expect(request!.flags).toEqual([0b110100n, 0b100n]);
    kernel.edge(0, 1, 5n);
    kernel.edge(1, 1, 6n);
    input.poll();
    expect(sink.marks.map((m) => m.t)).toEqual([6n]);
  });

  test.each<[string, RegExp]>([
    [
      "gpiochip0/IN",
      /needs a second line, .*gpiochip0\/IN\+OTHER with OTHER one of OUT, IN, 2 that nothing needs/,
    ],
    ["gpiochip0/IN+IN", /second line is the first/],
    ["gpiochip0/IN+NOPE", /no such line/],
    ["gpiochip0/IN+LED", /errno 16 \(the line is in use/],
  ])("input %s is refused in one line", (name, message) => {
    const kernel = new FakeKernel(PI);
    expect(() => openInput(name, new Collected(), kernel)).toThrow(message);
    expect(kernel.openFiles).toBe(0);
  });

  test("a line in use is refused with the remedy", async () => {
    await expect(openOutput("gpiochip0/LED", new FakeKernel(PI))).rejects.toThrow(
      /GPIO_V2_GET_LINE failed with errno 16 \(the line is in use/,
    );
  });
});

describe("serial modem lines", () => {
  test.each<[string, number]>([
    ["/dev/ttyS0/rts", 4],
    ["/dev/ttyUSB0/dtr", 2],
  ])("%s: low first, then as driven, low at the end", async (name, bit) => {
    const kernel = new FakeKernel();
    const output = await openOutput(name, kernel);
    drive(output, 1);
    drive(output, 0);
    output.close();
    expect(kernel.modem).toEqual([-bit, bit, -bit, -bit]);
    expect(kernel.openFiles).toBe(0);
  });

  test("a port without modem lines is refused and closed", async () => {
    const kernel = new FakeKernel();
    kernel.modemErrno = 25;
    await expect(openOutput("/dev/pts/3/rts", kernel)).rejects.toThrow(
      /TIOCMBIC failed with errno 25/,
    );
    expect(kernel.openFiles).toBe(0);
  });

  test("the real kernel refuses what is no port, in one line", async () => {
    if (process.platform !== "linux") return;
    await expect(openOutput("/dev/null/rts", linux())).rejects.toThrow(
      /^\/dev\/null\/rts: TIOCMBIC failed with errno 25/,
    );
  });
});

describe("simulated line: every kind of loss shows", () => {
  const wire = (w: Partial<Wire>): Wire => ({ delayNs: 1500, capacity: 1000, ...w });
  function through(w: Wire, edges: number): Collected {
    const sink = new Collected();
    let now = 0n;
    const { output, input } = simulatedLine("sim/TRIG", w, () => (now += 10_000n));
    const line = new InputLine("sim/TRIG", SIM_OFFSET, input, sink);
    for (let n = 0; n < edges; n++) output.set(n % 2 === 0 ? 1 : 0);
    line.close();
    return sink;
  }

  test("none lost: all there, delayed by the wire", () => {
    const sink = through(wire({}), 100);
    expect(sink.marks).toHaveLength(100);
    expect(sink.marks[0]).toEqual({
      name: "sim/TRIG",
      phase: "instant",
      clock: "host",
      t: 11_500n,
      fields: { kind: "edge_in", level: 1, seqno: 1 },
    });
    expect(sink.losses).toEqual([]);
  });

  test("buffer overflow: the oldest are gone, counted exactly", () => {
    const sink = through(wire({ capacity: 64 }), 200);
    expect([sink.marks.length, sink.lost]).toEqual([64, 136]);
    expect(sink.losses[0]!.why).toMatch(/overflowed/);
  });

  test("merged after numbering: counted exactly, wherever it happens", () => {
    const merged = new Set([0, 7, 8, 50]);
    const sink = through(wire({ fate: (n) => (merged.has(n) ? "merged" : "seen") }), 100);
    expect([sink.marks.length, sink.lost]).toEqual([96, 4]);
  });

  test("one edge never numbered: the next has its direction, and is marked doubtful", () => {
    const sink = through(wire({ fate: (n) => (n === 10 ? "unseen" : "seen") }), 100);
    expect(sink.marks).toHaveLength(99);
    expect(sink.losses).toEqual([{ count: 0, why: expect.stringMatching(/same direction/) }]);
    expect(sink.marks.filter((m) => m.fields!["doubtful"]).map((m) => m.fields!["seqno"])).toEqual([
      11,
    ]);
  });

  test("the last edge never numbered: the level tells", () => {
    const sink = through(wire({ fate: (n) => (n === 99 ? "unseen" : "seen") }), 100);
    expect([sink.marks.length, sink.lost]).toEqual([99, 1]);
    expect(sink.losses[0]!.why).toMatch(/level differs/);
  });

  test("10,000 edges, each lost or not by chance: odd losses always show, counts never exceed the truth", () => {
    let x = 1;
    const roll = () => ((x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 16) % 100;
    for (let trial = 0; trial < 100; trial++) {
      const fates = Array.from({ length: 100 }, () => {
        const r = roll();
        return r < 3 ? "merged" : r < 6 ? "unseen" : "seen";
      }) as ("merged" | "unseen" | "seen")[];
      const sink = through(wire({ fate: (n) => fates[n] ?? "seen" }), 100);
      const truly = fates.filter((f) => f !== "seen").length;
      expect(sink.marks).toHaveLength(100 - truly);
      expect(sink.lost).toBeLessThanOrEqual(truly);
      if (truly % 2 === 1) expect(sink.losses.length).toBeGreaterThan(0);
      expect(sink.lost).toBeGreaterThanOrEqual(fates.filter((f) => f === "merged").length && 1);
    }
  });
});
