// The frames of a recorded ElmorLabs PMD-USB stream: bytes enter, stretches of whole frames leave.
// The stream has no sync word, sequence or checksum, so what a frame looks like is learned from the
// capture itself: its own median tick step and its own input voltages.

import { inputError } from "../../../schema/errors.ts";
import { FRAME_BYTES } from "../../instruments/pmd-usb/frame.ts";
import type { FileBytes } from "../shared/file-bytes.ts";
import { upperMedian } from "../../../stats/summary.ts";

/** What this capture's frames look like. */
export interface FrameModel {
  /** Median tick step between frames: what is usual. */
  readonly step: number;
  /** Mean step, stalls of the sender included: what counts frames over a gap. */
  readonly meanStep: number;
  /** Median count of each input's voltage. */
  readonly volts: readonly number[];
}

/** A stretch of frames without a break, and what lay before it. */
export interface FrameRun {
  readonly offset: number;
  readonly frames: number;
  /** Index of its first frame, counting frames that the ticks say are missing. */
  readonly firstIndex: number;
  readonly missingFrames: number;
  readonly skippedBytes: number;
  /** Frames kept although an input's voltage is unlike the rest of the capture. */
  readonly oddFrames: number;
}

const VOLT_OFFSETS = [2, 6, 10, 14];
/** 7.568 mV per count (ElmorLabs/PMDLogger): a supply of 12 V ± 25 % lies in these counts. */
const LIVE_COUNTS: readonly [number, number] = [9 / 0.007568, 15 / 0.007568];
const ONE_VOLT = 1 / 0.007568;
/** Beyond 2.5 periods is a gap (schema/rig.ts); ticks wrap at 2^16, so the step must stay below that. */
const GAP_PERIODS = 2.5;
export const TICK_RANGE = 65536;
const SAMPLES = 64;
const SAMPLE_FRAMES = 64;
/** Frames that must agree before a position counts as a frame start: (2.5·602 / 65536)^7 by chance. */
const STEADY_FRAMES = 8;
const MIN_FRAMES = STEADY_FRAMES;

const median = (list: readonly number[]): number => upperMedian(list)!;
const count = (b: Buffer, at: number): number => b.readInt16LE(at) >> 4;
const stepBetween = (a: number, b: number): number => (b - a) & (TICK_RANGE - 1);

/**
 * Looks at samples spread over the file and learns step and voltages from those that hold frames.
 * @throws InputError when fewer than half of them do.
 */
export function learnFrames(file: FileBytes): FrameModel {
  const whole = Math.floor(file.size / FRAME_BYTES);
  if (whole < MIN_FRAMES)
    throw inputError(
      "too short",
      file.path,
      `${MIN_FRAMES} frames of 18 bytes`,
      `${file.size} bytes`,
    );
  const frames = Math.min(SAMPLE_FRAMES, whole);
  const room = whole - frames;
  const samples = Math.min(SAMPLES, Math.floor(room / frames) + 1);
  const found: FrameModel[] = [];
  for (let i = 0; i < samples; i++) {
    const first = samples === 1 ? 0 : Math.floor((room * i) / (samples - 1));
    const model = learnAnyPhase(file, first * FRAME_BYTES, frames);
    if (model) found.push(model);
  }
  if (found.length * 2 < samples || found.length === 0)
    throw inputError(
      "not PMD-USB frames",
      file.path,
      "18-byte frames with steadily rising 16-bit ticks and about 12 V on an input",
      `such frames in ${found.length} of ${samples} samples of the file`,
    );
  return {
    step: median(found.map((m) => m.step)),
    meanStep: found.reduce((sum, m) => sum + m.meanStep, 0) / found.length,
    volts: VOLT_OFFSETS.map((_, k) => median(found.map((m) => m.volts[k]!))),
  };
}

function learnAnyPhase(file: FileBytes, offset: number, frames: number): FrameModel | undefined {
  for (let phase = 0; phase < FRAME_BYTES; phase++) {
    const b = file.at(offset + phase, frames * FRAME_BYTES);
    const model = learnSample(b, Math.floor(b.length / FRAME_BYTES));
    if (model) return model;
  }
  return undefined;
}

/** The model of a sample in which 95 % of frames agree with the sample's own medians, else undefined. */
function learnSample(b: Buffer, frames: number): FrameModel | undefined {
  if (frames < MIN_FRAMES - 1) return undefined;
  const steps: number[] = [];
  for (let i = 1; i < frames; i++)
    steps.push(stepBetween(b.readUInt16LE((i - 1) * FRAME_BYTES), b.readUInt16LE(i * FRAME_BYTES)));
  const step = median([...steps]);
  if (step < 1 || step * GAP_PERIODS >= TICK_RANGE) return undefined;
  const volts = VOLT_OFFSETS.map((at) =>
    median(Array.from({ length: frames }, (_, i) => count(b, i * FRAME_BYTES + at))),
  );
  if (!volts.some((v) => v >= LIVE_COUNTS[0] && v <= LIVE_COUNTS[1])) return undefined;
  const usual = steps.filter((s) => s <= GAP_PERIODS * step);
  const model = { step, meanStep: usual.reduce((a, s) => a + s, 0) / usual.length, volts };
  let good = usual.length;
  for (let i = 0; i < frames; i++) if (voltsAgree(b, i * FRAME_BYTES, model)) good++;
  return good >= 0.95 * (steps.length + frames) ? model : undefined;
}

function voltsAgree(b: Buffer, at: number, model: FrameModel): boolean {
  for (let k = 0; k < VOLT_OFFSETS.length; k++) {
    const usual = model.volts[k]!;
    const off = Math.abs(count(b, at + VOLT_OFFSETS[k]!) - usual);
    if (off > Math.max(0.2 * Math.abs(usual), ONE_VOLT)) return false;
  }
  return true;
}

/** Whether frames start at `offset`: the next eight (three at the end of the file) agree with the model. */
function steady(file: FileBytes, offset: number, model: FrameModel): boolean {
  if (offset < 0) return false;
  const b = file.at(offset, STEADY_FRAMES * FRAME_BYTES);
  const frames = Math.floor(b.length / FRAME_BYTES);
  if (frames < 3) return false;
  for (let i = 0; i < frames; i++) {
    const at = i * FRAME_BYTES;
    if (!voltsAgree(b, at, model)) return false;
    if (i === 0) continue;
    const step = stepBetween(b.readUInt16LE(at - FRAME_BYTES), b.readUInt16LE(at));
    if (step === 0 || step > GAP_PERIODS * model.step) return false;
  }
  return true;
}

/**
 * Next frame start at or after `lost`, where the stream fell out of step. A frame that is merely
 * damaged leaves the alignment whole, so that is tried first; else bytes are missing or foreign and
 * the search begins inside the frame before, which holds the break.
 */
function resync(file: FileBytes, lost: number, model: FrameModel): number | undefined {
  for (const offset of [lost, lost + FRAME_BYTES]) if (steady(file, offset, model)) return offset;
  for (let offset = lost - FRAME_BYTES + 1; offset + 3 * FRAME_BYTES <= file.size; offset++)
    if (steady(file, offset, model)) return offset;
  return undefined;
}

/** The whole file as stretches of frames; the bytes after the last one are the caller's to count. */
export function* frameRuns(file: FileBytes, model: FrameModel): Generator<FrameRun> {
  let offset = resync(file, 0, model);
  let end = 0;
  let index = 0;
  let lastTick: number | undefined;
  while (offset !== undefined) {
    const skippedBytes = Math.max(0, offset - end);
    const tick = file.at(offset, 2).readUInt16LE(0);
    const missingFrames = lastTick === undefined ? 0 : missing(lastTick, tick, skippedBytes, model);
    const run = follow(file, offset, model);
    const lost = offset + run.frames * FRAME_BYTES;
    offset = lost + FRAME_BYTES <= file.size ? resync(file, lost, model) : undefined;
    const aligned = offset === undefined || (offset - lost) % FRAME_BYTES === 0;
    const frames = aligned ? run.frames : trusted(file, lost, run.frames, model);
    const first = index + missingFrames;
    end = lost - (run.frames - frames) * FRAME_BYTES;
    index = first + frames;
    lastTick = file.at(end - FRAME_BYTES, 2).readUInt16LE(0);
    yield {
      offset: end - frames * FRAME_BYTES,
      frames,
      firstIndex: first,
      missingFrames,
      skippedBytes,
      oddFrames: run.odd,
    };
  }
}

/**
 * How many of the frames before a break of alignment to keep: the break lies inside the last one, and
 * misread bytes may have passed for a frame or two (their tick agrees by chance 1 time in 40).
 */
function trusted(file: FileBytes, lost: number, frames: number, model: FrameModel): number {
  const odd = (n: number): boolean =>
    !voltsAgree(file.at(lost - n * FRAME_BYTES, FRAME_BYTES), 0, model);
  let dropped = 0;
  while (dropped < frames && odd(dropped + 1)) dropped++;
  return Math.max(0, frames - dropped - 1);
}

/** Frames lost between two ticks, give or take one, modulo the wrap; at least one where bytes were skipped. */
function missing(before: number, after: number, skippedBytes: number, model: FrameModel): number {
  const byTick = Math.round(stepBetween(before, after) / model.meanStep) - 1;
  return Math.max(byTick, skippedBytes > 0 ? 1 : 0);
}

/** Counts frames in step from `offset` on. */
function follow(
  file: FileBytes,
  offset: number,
  model: FrameModel,
): { frames: number; odd: number } {
  const longest = GAP_PERIODS * model.step;
  let tick = file.at(offset, 2).readUInt16LE(0);
  let frames = 0;
  let odd = 0;
  for (let at = offset; at + FRAME_BYTES <= file.size; at += FRAME_BYTES) {
    const b = file.at(at, FRAME_BYTES);
    const next = b.readUInt16LE(0);
    if (stepBetween(tick, next) > longest) break;
    if (!voltsAgree(b, 0, model)) odd++;
    tick = next;
    frames++;
  }
  return { frames, odd };
}
