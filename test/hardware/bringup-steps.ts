// The steps of a bring-up that a program can do, over the port that the recorder uses. In: a port, what is
// wired. Out: findings. Judges only what must hold on every board; the rest is told.

import { type DaqSource, startDaq } from "../../ingest/instruments/truejoule-daq/daq-source.ts";
import type { Greeting } from "../../ingest/instruments/truejoule-daq/handshake.ts";
import type { OpenPort } from "../../ingest/ports/port.ts";
import type { Finding, Verdict } from "./bringup-page.ts";
import type { Pace } from "./pace.ts";
import { spread, type StampSink, Watch } from "./watch.ts";

export interface Wiring {
  readonly seconds: number;
  /** Square wave on the trigger input; 0: none. */
  readonly triggerHz: number;
  /** The inputs that a Pico brings out, adc0 to adc2, lie at ground. */
  readonly grounded: boolean;
}

export interface Streamed {
  readonly watch: Watch;
  readonly counts: Readonly<ReturnType<DaqSource["counts"]>>;
}

async function stream(
  open: OpenPort,
  rowHz: number,
  seconds: number,
  stamps: StampSink | null,
): Promise<Streamed> {
  const watch = new Watch(seconds, stamps);
  const daq = await startDaq({ open, stream: "main", rowHz, mask: 15, pingMs: 100 }, watch);
  // By the device's clock: an emulator has its own pace.
  const wanted = rowHz * seconds;
  let [seen, idle] = [0, 0];
  for (let n = 0; n < PATIENCE * seconds && seen < wanted && idle < IDLE_CHECKS; n++) {
    await new Promise((r) => setTimeout(r, 1000 / CHECKS_A_S));
    idle = watch.rowCount === seen ? idle + 1 : 0;
    seen = watch.rowCount;
  }
  await daq.stop();
  return { watch, counts: daq.counts() };
}

/** Looks a second of wanted rows; a device ten times too slow is given up. */
const CHECKS_A_S = 20;
const PATIENCE = 10 * CHECKS_A_S;
/** One that sends nothing for a minute is gone. */
const IDLE_CHECKS = 60 * CHECKS_A_S;

const judged = (ok: boolean): Verdict => (ok ? "pass" : "FAIL");

/** An emulator keeps no such pace: it is asked for what it can do. */
const EMULATED_HZ = 2000;
/** The rate that is not promised is looked at for so long at most: an hour is the promised one's. */
const FAST_S = 60;

/** @param stamps of edges and readings at the promised rate, one by one, for whoever wants them. */
export async function findings(
  open: OpenPort,
  { identity, capabilities }: Greeting,
  w: Wiring,
  stamps: StampSink | null,
): Promise<{ found: Finding[]; codes: ReadonlyMap<string, Float64Array> }> {
  const silicon = identity.platform === "silicon";
  const rateHz = silicon ? 100_000 : EMULATED_HZ;
  const at = await stream(open, rateHz, w.seconds, stamps);
  const fastS = Math.min(w.seconds, FAST_S);
  const fast = silicon ? await stream(open, 125_000, fastS, null) : null;
  const pace = at.watch.pace.against(capabilities.tickHz);
  const found = [
    {
      step: "Says who it is",
      verdict: judged(identity.serial !== "" && capabilities.channels.length === 4),
      seen: `${identity.model} ${identity.serial}, ${capabilities.channels.length} channels`,
      must: "model, serial number of the flash, four channels",
      means: "no serial: the flash does not answer 4Bh (flash.c)",
    },
    streamed(`Streams 4 × ${rateHz / 1000} kS/s for ${w.seconds} s`, at, rateHz, w.seconds),
    fast
      ? streamed(`Streams 4 × 125 kS/s for ${fastS} s`, fast, 125_000, fastS)
      : undone("Streams 4 × 125 kS/s", "the emulator does not keep this pace"),
    clock(pace, capabilities.tickTolerancePpb / 1000, silicon),
    trigger(at, w.triggerHz),
    inputs(at.watch, w.grounded),
    ...references(at.watch),
  ];
  return { found, codes: at.watch.codes };
}

const undone = (step: string, why: string): Finding => ({
  step,
  verdict: "not done",
  seen: why,
  must: "",
  means: "",
});

function streamed(step: string, { watch, counts: c }: Streamed, hz: number, s: number): Finding {
  const rows = watch.rowCount;
  const lost = c.framesLost + c.rowsLost + c.deviceDropped + c.deviceOverrun;
  const bad = c.badFrames + c.malformed + c.indexFaults + c.skippedBytes;
  const again = c.reconnects === 0 ? "" : `, ${c.reconnects} times gone and back`;
  return {
    step,
    verdict: judged(lost === 0 && bad === 0 && rows >= hz * s && c.reconnects === 0),
    seen: `${rows} rows, ${lost} frames or rows lost, ${bad} damaged, ${c.deviceStalls} stalls${again}`,
    must: "none lost, none damaged, no row missing",
    means:
      "lost at the device (deviceDropped): the host asks too seldom, or NAKs cost too much; damaged: cable, or a buffer handed over too early (usb_hw.h); overrun: the main loop is late; gone and back: a hang and its way out, or a loose plug",
  };
}

/** Crystals of boards other than the Pico's maker's are sold with this, ppm. */
const CLONE_PPM = 100;

/** @param tolerancePpm that the device claims. */
export function clock(pace: Pace | null, tolerancePpm: number, silicon: boolean): Finding {
  const step = "Clock against the host's";
  const seen = pace
    ? `${pace.ppm.toFixed(1)} ± ${pace.boundPpm.toFixed(1)} ppm over ${pace.seconds.toFixed(0)} s`
    : "too few clock exchanges";
  if (!silicon) return undone(step, `${seen}; an emulator has its own pace`);
  if (!pace) return undone(step, seen);
  const { ppm, boundPpm } = pace;
  const ok = Math.abs(ppm) <= tolerancePpm + boundPpm;
  if (ok && boundPpm > CLONE_PPM)
    return undone(step, `${seen}: too coarse to tell a crystal by; --seconds 60`);
  return {
    step,
    verdict: judged(ok),
    seen,
    must: `within ± ${tolerancePpm} ppm and what the exchanges leave open`,
    means: `within ± ${CLONE_PPM} ppm: a clone's crystal, which its rig must state (clock.uncertainty), or this host's own clock, if nothing disciplines it (timedatectl); beyond: no 12 MHz crystal, or PLL and dividers (clocks.c)`,
  };
}

/** @param hz of the square wave; 0: none was named. */
export function trigger({ watch, counts: c }: Streamed, hz: number): Finding {
  const step = "Trigger";
  if (hz === 0)
    return undone(step, `${watch.edges.count} edges came; no generator was named (--trigger-hz)`);
  const { count, alternate, periods } = watch.edges;
  const { mean, worst } = periods;
  const off = (mean * hz) / 1e6 - 1;
  const period =
    periods.count === 0
      ? "no whole period"
      : `period ${mean.toFixed(3)} µs (${(1e6 * off).toFixed(0)} ppm off), worst ${worst.toFixed(1)} µs`;
  const ok = c.edgesLost === 0 && c.edgesWrong === 0 && alternate && worst <= 2;
  return {
    step,
    verdict: judged(ok && Math.abs(off) < 1e-3),
    seen: `${count} edges, ${period}, ${c.edgesLost} lost, ${c.edgesWrong} wrong`,
    must: "every edge, levels in turn, periods even to 2 µs, none lost, none wrong",
    means:
      "none: GPIO 15, or PIO; uneven: latches read late, or the generator; wrong: rows and ticks drift apart (converter.c)",
  };
}

/** A Pico has adc3 at VSYS / 3, where nobody can ground it: told, not judged. */
export function inputs({ codes, rowCount }: Watch, grounded: boolean): Finding {
  const step = "Inputs";
  if (rowCount === 0) return undone(step, "no rows came");
  const told = [...codes].map(([name, counts]) => [name, ...spread(counts)] as const);
  const seen = told
    .map(([name, mean, u]) => `${name} ${mean.toFixed(1)} ± ${u.toFixed(2)}`)
    .join(", ");
  if (!grounded) return undone(step, `${seen} counts; not grounded (--grounded)`);
  return {
    step,
    verdict: judged(told.slice(0, 3).every(([, mean, u]) => mean < 30 && u < 4)),
    seen: `${seen} counts`,
    must: "adc0 to adc2: mean below 30 counts, spread below 4; adc3 is VSYS / 3 on a Pico",
    means: "spread: regulator ripple (GPIO 23), ground; mean: offset, or an input that is open",
  };
}

function references({ readings }: Watch): Finding[] {
  if (readings.size === 0) return [undone("INA226", "none answers")];
  return [...readings].map(([step, r]) => ({
    step,
    verdict: judged(r.unusable === 0 && r.count > 2 && r.steps.worst <= 0),
    seen: `${r.count} readings, ${r.unusable} not read or overflown, ${r.exact} stamped by their own alert, bounds up to ${r.mostBoundTicks} µs, ${r.steps.mean.toFixed(0)} µs a conversion`,
    must: "all read, ends even within their stated bounds",
    means:
      "not read: pull-ups, address, bus; none stamped: alert not wired to GPIO 6; uneven: a stamp belongs to another chip",
  }));
}
