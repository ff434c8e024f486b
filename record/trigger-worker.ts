// A worker thread that watches the mark ring and drives the trigger line until told to stop. It never
// returns to its event loop in between (docs/gpio.md, "The edge worker").

import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { drive, openOutput, syncMark } from "../gpio/output-line.ts";
import { TriggerPulses } from "../gpio/trigger-pulses.ts";
import { openRing } from "../marks/ring-file.ts";
import { SubmitWatch } from "../marks/submit-watch.ts";
import type { Mark } from "../schema/records.ts";
import { Run, type TriggerInput, type TriggerMessage } from "./trigger-protocol.ts";
import { mostOf, upperMedian } from "../stats/summary.ts";

const DELIVER_NS = 100e6;
/** Between looks where there is no core to spare. */
const PAUSE_MS = 1;
/** USER_HZ, in which /proc counts CPU time on every Linux that Node runs on (proc(5), sysconf(3)). */
const TICKS_PER_S = 100;

const { control, output, ring: ringPath, spin } = workerData as TriggerInput;
const state = new Int32Array(control);
const send = (message: TriggerMessage): void => parentPort!.postMessage(message);

const line = await openOutput(output);
const ring = openRing(ringPath);
const watch = new SubmitWatch(ring);
const startNs = process.hrtime.bigint();
const now = (): number => Number(process.hrtime.bigint() - startNs);
const pulses = new TriggerPulses(0);
const halves: number[] = [];
const count = { pattern: 0, submit: 0, submits: 0 };
let marks: Mark[] = [];
let deliverNs = DELIVER_NS;
send({ kind: "ready" });

while (Atomics.load(state, 0) === Run.running) {
  const submits = watch.look();
  count.submits += submits;
  const t = now();
  const level = pulses.next(t, submits > 0);
  if (level >= 0) change(level as 0 | 1);
  if (t >= deliverNs) deliver(t);
  if (!spin) Atomics.wait(state, 0, Run.running, PAUSE_MS);
}
if (pulses.high) change(0);
deliver(now());
ring.close();
line.close();
send({ kind: "done", report: report() });

function change(level: 0 | 1): void {
  const edge = drive(line, level);
  const mark = syncMark(edge, pulses.cause, output);
  halves.push(Number(mark.fields!["half_ns"]));
  if (level === 1) count[pulses.cause]++;
  marks.push(mark);
}

function deliver(t: number): void {
  if (marks.length > 0) send({ kind: "marks", marks });
  marks = [];
  deliverNs = t + DELIVER_NS;
}

function report() {
  return {
    output,
    spin,
    patternPulses: count.pattern,
    submitPulses: count.submit,
    submits: count.submits,
    halfNs: { median: upperMedian(halves) ?? 0, most: mostOf(halves, 0) },
    cpuS: ownCpuS(),
    wallS: now() / 1e9,
  };
}

/** Of this thread alone. Fields 14 and 15 after the name, which may hold anything but ends with ")". */
function ownCpuS(): number {
  const stat = readFileSync("/proc/thread-self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
