// Made-up DAQ streams for the benches: the built-in rigs, the layouts their devices send, and blocks of
// noise on a square load. Holds: a pool of bytes is made once and handed out again and again, as if the
// stream went on for ever; nothing is allocated per row.

import { type ClockModel, fixedModel } from "../align/clocks/clock.ts";
import { steadyClock } from "../align/clocks/segments.ts";
import { Timeline } from "../align/timeline.ts";
import { builtInRig } from "../rigs/load.ts";
import { random } from "../stats/random.ts";
import type { RowField, RowLayout, SampleBlock } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";

/** As importers write them. */
export const BLOCK_ROWS = 4096;

export interface Stream {
  readonly rig: Rig;
  readonly layout: RowLayout;
  readonly clock: ClockModel;
  /** Channel values in a row. */
  readonly channels: number;
  /** Whole blocks. */
  readonly pool: Uint8Array;
}

/** Four 16-bit words a row, timed by index: the virtual bench's and most plain DAQs' layout. */
export const words16 = (poolRows: number): Promise<Stream> => adcStream(poolRows, 16);

/** Four 12-bit fields in six bytes, as the wire protocol packs them. */
export const packed12 = (poolRows: number): Promise<Stream> => adcStream(poolRows, 12);

async function adcStream(poolRows: number, bits: number): Promise<Stream> {
  const { rig } = await builtInRig("virtual");
  const fields = ["slot_v", "slot_i", "hpwr_v", "hpwr_i"].map((name, i): RowField => ({
    name,
    bitOffset: i * bits,
    bits,
    kind: "uint",
  }));
  const layout = { stream: rig.device.stream, rowBytes: (4 * bits) >> 3, fields };
  return fill(rig, layout, poolRows, (row, noise) => [
    2980 + noise(),
    (row & 2048 ? 900 : 300) + noise(),
    2990 + noise(),
    (row & 2048 ? 2400 : 700) + noise(),
  ]);
}

/** The 18-byte frame of a PMD-USB: a 16-bit tick and eight signed 12-bit values, each left in its word. */
export async function pmd(poolRows: number): Promise<Stream> {
  const { rig } = await builtInRig("elmorlabs-pmd-usb");
  const tick: RowField = { name: "tick", bitOffset: 0, bits: 16, kind: "uint" };
  const names = rig.rails.flatMap((r) => [r.voltage!.field, r.current!.field]);
  const fields = names.map((name, k): RowField => ({
    name,
    bitOffset: 16 * (k + 1) + 4,
    bits: 12,
    kind: "int",
  }));
  const layout = { stream: rig.device.stream, rowBytes: 18, fields, tick };
  const ticksPerRow = Math.round(rig.device.clock.hz / rig.device.rowHz);
  return fill(rig, layout, poolRows, (row, noise) => {
    const amperes = row & 2048 ? 160 : 40;
    const values = names.map((_, k) => (k % 2 === 0 ? 1585 : amperes) + noise());
    return [(row * ticksPerRow) & 0xffff, ...values.map((v) => v << 4)];
  });
}

/** Packs the values of each row: as 12-bit fields where the layout has such, else as words. */
function fill(
  rig: Rig,
  layout: RowLayout,
  poolRows: number,
  values: (row: number, noise: () => number) => readonly number[],
): Stream {
  const r = random(1, "bench");
  const noise = (): number => r.integer(16) - 8;
  const pool = new Uint8Array(poolRows * layout.rowBytes);
  const packed = layout.rowBytes === 6;
  for (let row = 0, at = 0; row < poolRows; row++) {
    const v = values(row, noise);
    if (packed)
      for (let i = 0; i < v.length; i += 2, at += 3) {
        const pair = v[i]! | (v[i + 1]! << 12);
        pool.set([pair & 255, (pair >> 8) & 255, pair >> 16], at);
      }
    else
      for (const x of v) {
        pool[at++] = x & 255;
        pool[at++] = (x >> 8) & 255;
      }
  }
  const { hz } = rig.device.clock;
  const clock = fixedModel("daq", { hz, uRel: 0, startNs: 25e6, startUNs: 0 });
  return { rig, layout, clock, channels: layout.fields.length, pool };
}

/** `rows` rows from the pool, started again whenever it is used up. */
export function* blocksOf(s: Stream, rows: number): Generator<SampleBlock> {
  const { rowBytes, stream } = s.layout;
  for (let firstIndex = 0; firstIndex < rows; firstIndex += BLOCK_ROWS) {
    const at = (firstIndex * rowBytes) % s.pool.length;
    yield {
      stream,
      firstIndex,
      deviceTick: null,
      hostBefore: null,
      hostAfter: null,
      rows: BLOCK_ROWS,
      flags: 0,
      bytes: s.pool.subarray(at, at + BLOCK_ROWS * rowBytes),
    };
  }
}

export function timelineOf(s: Stream): Timeline {
  return new Timeline({ path: "", rig: s.rig }, { layout: s.layout }, steadyClock(s.clock));
}

/** Session time of a row, ns. */
export function rowNs(s: Stream, row: number): number {
  return s.clock.refNs + (row / s.rig.device.rowHz) * 1e9;
}
