// The steps of a bring-up that a program can do, over the port that the recorder uses. In: a port, what is
// wired. Out: findings. Judges only what must hold on every board; the rest is told.

import { type DaqSource, startDaq } from "../../ingest/daq-source.ts";
import type { Greeting } from "../../ingest/handshake.ts";
import type { OpenPort } from "../../ingest/port.ts";
import { endBoundTicks, ReadingStatus } from "../../schema/ina226.ts";
import { mostOf } from "../../schema/lists.ts";
import { Collector } from "../ingest/collect.ts";
import type { Finding, Verdict } from "./bringup-page.ts";

export interface Wiring {
  readonly seconds: number;
  /** Square wave on the trigger input; 0: none. */
  readonly triggerHz: number;
  /** The inputs that a Pico brings out, adc0 to adc2, lie at ground. */
  readonly grounded: boolean;
}

export interface Streamed {
  readonly sink: Collector;
  readonly counts: Readonly<ReturnType<DaqSource["counts"]>>;
}

async function stream(open: OpenPort, rowHz: number, seconds: number): Promise<Streamed> {
  const sink = new Collector();
  const daq = await startDaq({ open, stream: "main", rowHz, mask: 15, pingMs: 100 }, sink);
  // By the device's clock: an emulator has its own pace.
  const wanted = rowHz * seconds;
  for (let n = 0; n < PATIENCE * seconds && rowsOf(sink) < wanted; n++)
    await new Promise((r) => setTimeout(r, 1000 / CHECKS_A_S));
  await daq.stop();
  return { sink, counts: daq.counts() };
}

/** Looks a second of wanted rows; a device ten times too slow is given up. */
const CHECKS_A_S = 20;
const PATIENCE = 10 * CHECKS_A_S;

const rowsOf = (sink: Collector): number => sink.of("main").reduce((n, b) => n + b.rows, 0);

const judged = (ok: boolean): Verdict => (ok ? "pass" : "FAIL");

/** An emulator keeps no such pace: it is asked for what it can do. */
const EMULATED_HZ = 2000;

export async function findings(
  open: OpenPort,
  { identity, capabilities }: Greeting,
  w: Wiring,
): Promise<Finding[]> {
  const silicon = identity.platform === "silicon";
  const rateHz = silicon ? 100_000 : EMULATED_HZ;
  const at = await stream(open, rateHz, w.seconds);
  const fast = silicon ? await stream(open, 125_000, w.seconds) : null;
  return [
    {
      step: "Says who it is",
      verdict: judged(identity.serial !== "" && capabilities.channels.length === 4),
      seen: `${identity.model} ${identity.serial}, ${capabilities.channels.length} channels`,
      must: "model, serial number of the flash, four channels",
      means: "no serial: the flash does not answer 4Bh (flash.c)",
    },
    streamed(`Streams 4 × ${rateHz / 1000} kS/s for ${w.seconds} s`, at, rateHz, w.seconds),
    fast
      ? streamed(`Streams 4 × 125 kS/s for ${w.seconds} s`, fast, 125_000, w.seconds)
      : undone("Streams 4 × 125 kS/s", "the emulator does not keep this pace"),
    trigger(at, w.triggerHz),
    inputs(at.sink, w.grounded),
    ...references(at.sink),
  ];
}

const undone = (step: string, why: string): Finding => ({
  step,
  verdict: "not done",
  seen: why,
  must: "",
  means: "",
});

function streamed(step: string, { sink, counts: c }: Streamed, hz: number, s: number): Finding {
  const rows = rowsOf(sink);
  const lost = c.framesLost + c.rowsLost + c.deviceDropped + c.deviceOverrun;
  const bad = c.badFrames + c.malformed + c.indexFaults + c.skippedBytes;
  return {
    step,
    verdict: judged(lost === 0 && bad === 0 && rows >= hz * s),
    seen: `${rows} rows, ${lost} frames or rows lost, ${bad} damaged, ${c.deviceStalls} stalls`,
    must: "none lost, none damaged, no row missing",
    means:
      "lost at the device (deviceDropped): the host asks too seldom, or NAKs cost too much; damaged: cable, or a buffer handed over too early (usb_hw.h); overrun: the main loop is late",
  };
}

/** @param hz of the square wave; 0: none was named. */
export function trigger({ sink, counts: c }: Streamed, hz: number): Finding {
  const step = "Trigger";
  if (hz === 0)
    return undone(step, `${sink.edges.length} edges came; no generator was named (--trigger-hz)`);
  const ticks = sink.edges.map((e) => Number(e.tick));
  const periods = ticks.slice(2).map((t, i) => t - ticks[i]!);
  const mean = periods.reduce((a, b) => a + b, 0) / periods.length;
  const worst = mostOf(periods.map((p) => Math.abs(p - mean)));
  const off = (mean * hz) / 1e6 - 1;
  const alternate = sink.edges.every((e, i) => i === 0 || e.level !== sink.edges[i - 1]!.level);
  const period =
    periods.length === 0
      ? "no whole period"
      : `period ${mean.toFixed(3)} µs (${(1e6 * off).toFixed(0)} ppm off), worst ${worst.toFixed(1)} µs`;
  const ok = c.edgesLost === 0 && c.edgesWrong === 0 && alternate && worst <= 2;
  return {
    step,
    verdict: judged(ok && Math.abs(off) < 1e-3),
    seen: `${ticks.length} edges, ${period}, ${c.edgesLost} lost, ${c.edgesWrong} wrong`,
    must: "every edge, levels in turn, periods even to 2 µs, none lost, none wrong",
    means:
      "none: GPIO 15, or PIO; uneven: latches read late, or the generator; wrong: rows and ticks drift apart (converter.c)",
  };
}

/** A Pico has adc3 at VSYS / 3, where nobody can ground it: told, not judged. */
export function inputs(sink: Collector, grounded: boolean): Finding {
  const step = "Inputs";
  const block = sink.of("main").at(-1);
  if (!block) return undone(step, "no rows came");
  const told = [0, 1, 2, 3].map((c) => spread(block.bytes, block.rows, c));
  const seen = told
    .map(([mean, u], c) => `adc${c} ${mean.toFixed(1)} ± ${u.toFixed(2)}`)
    .join(", ");
  if (!grounded) return undone(step, `${seen} counts; not grounded (--grounded)`);
  return {
    step,
    verdict: judged(told.slice(0, 3).every(([mean, u]) => mean < 30 && u < 4)),
    seen: `${seen} counts`,
    must: "adc0 to adc2: mean below 30 counts, spread below 4; adc3 is VSYS / 3 on a Pico",
    means: "spread: regulator ripple (GPIO 23), ground; mean: offset, or an input that is open",
  };
}

/** Mean and standard deviation of one of four 12-bit channels. */
function spread(bytes: Uint8Array, rows: number, channel: number): [number, number] {
  let [sum, square] = [0, 0];
  for (let r = 0; r < rows; r++) {
    const at = 6 * r + ((3 * channel) >> 1);
    const pair = bytes[at]! | (bytes[at + 1]! << 8);
    const x = channel % 2 === 0 ? pair & 0xfff : pair >> 4;
    sum += x;
    square += x * x;
  }
  const mean = sum / rows;
  return [mean, Math.sqrt(Math.max(0, square / rows - mean * mean))];
}

function references(sink: Collector): Finding[] {
  const streams = sink.layouts.map((l) => l.stream).filter((s) => s.includes("ina226"));
  if (streams.length === 0) return [undone("INA226", "none answers")];
  return streams.map((name) => {
    const blocks = sink.of(name);
    const statuses = blocks.map((b) => b.bytes[23]!);
    const unusable = statuses.filter((s) => s & (ReadingStatus.notRead | ReadingStatus.overflow));
    const bounds = statuses.map(endBoundTicks);
    const steps = blocks.slice(1).map((b, i) => Number(b.deviceTick! - blocks[i]!.deviceTick!));
    const mean = steps.reduce((a, b) => a + b, 0) / steps.length;
    const worst = mostOf(steps.map((s, i) => Math.abs(s - mean) - bounds[i]! - bounds[i + 1]!));
    const exact = statuses.filter((s) => s === 0).length;
    return {
      step: name,
      verdict: judged(unusable.length === 0 && blocks.length > 2 && worst <= 0),
      seen: `${blocks.length} readings, ${unusable.length} not read or overflown, ${exact} stamped by their own alert, bounds up to ${mostOf(bounds)} µs, ${mean.toFixed(0)} µs a conversion`,
      must: "all read, ends even within their stated bounds",
      means:
        "not read: pull-ups, address, bus; none stamped: alert not wired to GPIO 6; uneven: a stamp belongs to another chip",
    };
  });
}
