// DAQ rows out of text: (time, numbers) enter, rows of one tick and one float64 a column leave.
// The tick is the row's time in whole nanoseconds of the host clock, 64 bits, which is the way of every
// text format with a time on each line; a format with a counter of its own may name that as tick.

import type { Note, RowField, RowLayout } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import { counted } from "./notes.ts";
import { BLOCK_ROWS, type HostStamp, rowLayout, type RowSink } from "./rows.ts";

/** Blocks with a host stamp are short, so that the fit of the device's clock gets enough of them. */
const STAMPED_ROWS = 1024;

/** Rows of many columns go in shorter blocks. */
const BLOCK_BYTES = 1 << 20;

const TICK: RowField = { name: "t_ns", bitOffset: 0, bits: 64, kind: "uint" };

/** The rig for rows that carry their time: that time is the clock, whatever the rig's device counts. */
export function timedRig(rig: Rig, rowHz = rig.device.rowHz): Rig {
  return { ...rig, device: { ...rig.device, rowHz, clock: { hz: 1e9, uRel: 0, startU: 0 } } };
}

/** @param columns names of the float64 fields. @throws InputError when the rig names another one. */
export function textLayout(rig: Rig, columns: readonly string[], tick = TICK): RowLayout {
  const fields = columns.map((name, i): RowField => ({
    name,
    bitOffset: 64 * (i + 1),
    bits: 64,
    kind: "float",
  }));
  return rowLayout(rig, 8 * (columns.length + 1), fields, tick);
}

export interface TextRows {
  /**
   * One row. A value that is no number, or a time before the row before, leaves the row out, counted,
   * with a gap in its place; a row at the very time of the row before is left out, counted, without one. @param stamp host time of the row, where the tick is not that.
   */
  readonly add: (tick: bigint, values: ArrayLike<number>, stamp?: HostStamp) => void;
  /** A row that cannot be placed: a gap, which the caller has counted. */
  readonly leaveOut: () => void;
  /** Nothing was taken for the time of so many rows: no loss, and nothing is made up in between. */
  readonly pause: (rows: number) => void;
  /** Writes what is left. */
  readonly end: () => Note[];
}

/** @param path names the source in notes. */
export function textRows(sink: RowSink, layout: RowLayout, path: string): TextRows {
  const { rowBytes } = layout;
  const columns = layout.fields.length;
  const wraps = layout.tick!.bits < 64;
  const blockRows = Math.min(BLOCK_ROWS, Math.max(1, Math.floor(BLOCK_BYTES / rowBytes)));
  const buffer = new Uint8Array(blockRows * rowBytes);
  const view = new DataView(buffer.buffer);
  let index = 0;
  let first = 0;
  let rows = 0;
  let last = -1n;
  let bad = 0;
  let back = 0;
  let again = 0;
  let crowded = 0;
  const previous = new Float64Array(columns);
  let lastStamp: HostStamp | undefined;

  function flush(): void {
    // A copy: the sink may keep the bytes until its chunk closes.
    if (rows > 0) sink.write(first, buffer.slice(0, rows * rowBytes), lastStamp);
    first = index;
    rows = 0;
  }
  function leaveOut(): void {
    flush();
    first = ++index;
  }
  return {
    add(tick, values, stamp) {
      let finite = true;
      for (let k = 0; k < columns; k++) finite &&= Number.isFinite(values[k]);
      const falls = !wraps && tick < last;
      if (!finite) bad++;
      else if (falls) back++;
      if (!finite || falls) return leaveOut();
      if (!wraps && tick === last) {
        if (previous.every((v, k) => v === values[k])) again++;
        else crowded++;
        return undefined;
      }
      last = tick;
      for (let k = 0; k < columns; k++) previous[k] = values[k]!;
      const at = rows * rowBytes;
      view.setBigUint64(at, tick, true);
      for (let k = 0; k < columns; k++) view.setFloat64(at + 8 * (k + 1), values[k]!, true);
      lastStamp = stamp;
      index++;
      rows++;
      // A stamp belongs to the last row of its block; the first row goes alone, so it is the start's too.
      const enough = stamp ? (index === 1 ? 1 : STAMPED_ROWS) : blockRows;
      if (rows >= Math.min(enough, blockRows)) flush();
    },
    leaveOut,
    pause(pausedRows) {
      flush();
      first = index += Math.max(1, pausedRows);
      sink.pause();
    },
    end() {
      flush();
      const lost = (n: number, text: string) => counted(path, "loss", n, text);
      return [
        ...lost(bad, "rows hold a value that is not a number and were left out"),
        ...lost(back, "rows go back in time and were left out"),
        ...lost(crowded, "rows carry the time of the row before, other values, and were left out"),
        ...counted(path, "info", again, "rows repeat the row before and were left out"),
      ];
    },
  };
}
