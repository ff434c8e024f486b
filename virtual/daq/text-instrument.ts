// A virtual microcontroller with INA226 behind it: prints a line for each row, from power-up on, whether
// anybody listens or not. Holds: what it prints is what its converters say, in their steps.

import { type Rail, type Rig, textFormatOf } from "../../schema/rig.ts";
import { type BenchOptions, VirtualBench } from "../bench/bench.ts";
import type { Instrument, Send } from "./instrument.ts";
import { Starts } from "./starts.ts";
import { valueAt } from "../../stats/places.ts";

/** Steps of an INA226: 1.25 mV on the bus; the current's and, 25 times that, the power's are set by its user. */
const STEP = { voltage: 1.25e-3, current: 2e-3, power: 50e-3 };
const QUANTITIES = ["voltage", "current", "power"] as const;
/** 15 bits and a sign; the bench's trigger, which nobody has wired here, is the bit above. */
const TOP = 0x7fff;

/** The rig with sensors that count in the converter's steps. */
function inSteps(rig: Rig): Rig {
  const stepped = (rail: Rail): Rail => ({
    ...rail,
    ...Object.fromEntries(
      QUANTITIES.flatMap((q) =>
        rail[q] ? [[q, { ...rail[q], perCount: STEP[q], clip: [-TOP, TOP] }]] : [],
      ),
    ),
  });
  return { ...rig, rails: rig.rails.map(stepped) };
}

/** What a converter step is in the number that the line shows, by column. */
function shownSteps(rig: Rig): ReadonlyMap<string, number> {
  const steps = new Map<string, number>();
  for (const rail of rig.rails)
    for (const q of QUANTITIES)
      if (rail[q]) steps.set(rail[q].field, STEP[q] / Math.abs(rail[q].perCount));
  return steps;
}

/** @param rig its rows timed by the bench's clock; `tickHz` what its counter counts. */
export function textInstrument(
  rig: Rig,
  options: BenchOptions,
  tickHz: number,
  send: Send,
): Instrument {
  const { columns, tick, lines, baud } = textFormatOf(rig);
  const bench = new VirtualBench(inSteps(rig), options);
  const steps = shownSteps(rig);
  const row = new Uint16Array(bench.layout.rowBytes >> 1);
  const words = new Map(bench.layout.fields.map((f, word) => [f.name, word]));
  const account = { rowsMade: 0, rowsDropped: 0 };
  let next: number | null = null;
  /** Its counter begins at 0 with this row. */
  let poweredRow = 0;
  const starts = new Starts();
  starts.begin(poweredRow);

  const counter = (index: number, bits: number): string =>
    String(
      BigInt.asUintN(bits, BigInt(Math.floor(((index - poweredRow) * tickHz) / rig.device.rowHz))),
    );
  const value = (name: string): string => {
    const [word, step] = [words.get(name), steps.get(name)];
    if (word === undefined || step === undefined) return "0"; // a column that is no rail's
    return ((valueAt(row, word) & TOP) * step).toFixed(5);
  };
  const print = (index: number): string => {
    bench.fillRows(index, 1, row);
    const cells = columns.map((name) =>
      name === tick?.column ? counter(index, tick.bits) : value(name),
    );
    if (lines === "csv") return `${cells.join(",")}\r\n`;
    return `{${columns.map((name, i) => `${JSON.stringify(name)}:${cells[i]}`).join(",")}}\r\n`;
  };
  const block = (index: number): void => {
    const sent = send(Buffer.from(print(index), "latin1"));
    account[sent ? "rowsMade" : "rowsDropped"]++;
    if (!sent) starts.drop(index);
  };
  return {
    running: true,
    baud,
    take: () => undefined,
    advance(nowNs) {
      if (nowNs < 0) return;
      if (next === null) send(Buffer.from("INA226 ready\r\n", "latin1"));
      next ??= bench.clock.rowAt(nowNs);
      for (const due = bench.clock.rowAt(nowNs); next < due; next++) block(next);
    },
    block() {
      block((next ??= poweredRow));
      next++;
    },
    reset(nowNs) {
      next = null;
      starts.begin((poweredRow = bench.clock.rowAt(nowNs)));
    },
    account: () => ({ ...account, starts: starts.list }),
    close: () => undefined,
  };
}
