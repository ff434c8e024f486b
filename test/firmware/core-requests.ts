// Requests to the core under test: the other half of firmware/core-host/calls.c.

const Call = {
  samples: 1,
  edges: 2,
  readings: 3,
  status: 4,
  converse: 5,
  feed: 6,
  place: 7,
  ina: 8,
} as const;

class Writer {
  readonly #bytes: number[] = [];

  u32(...values: number[]): this {
    for (const v of values)
      this.#bytes.push(v & 255, (v >>> 8) & 255, (v >>> 16) & 255, (v >>> 24) & 255);
    return this;
  }
  u64(...values: (bigint | string)[]): this {
    for (const v of values) {
      const n = BigInt.asUintN(64, BigInt(v));
      this.u32(Number(n & 0xffffffffn), Number(n >> 32n));
    }
    return this;
  }
  raw(bytes: Uint8Array): this {
    for (const b of bytes) this.#bytes.push(b);
    return this;
  }
  /** Zero-terminated, in `size` bytes. */
  text(s: string, size: number): this {
    const out = new Uint8Array(size);
    new TextEncoder().encodeInto(s, out.subarray(0, size - 1));
    return this.raw(out);
  }
  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export interface SamplesFields {
  sequence: number;
  run: number;
  mask: number;
  bits: number;
  lines: number;
  index: string;
  tick: string;
  rows: readonly (readonly number[])[];
  /** Hex of the words. */
  bitmaps: string;
}

/** @param ring where the DMA would have put the rows: first word, and words of the ring. */
export function samplesRequest(f: SamplesFields, ring = { start: 0, words: 16_384 }): Uint8Array {
  const bitmap = Buffer.from(f.bitmaps, "hex");
  const w = new Writer().u32(Call.samples, f.sequence, f.run, f.rows.length, f.mask, f.bits);
  w.u32(f.lines)
    .u64(f.index, f.tick)
    .u32(bitmap.length / 4, ring.start, ring.words)
    .raw(bitmap);
  return w.raw(new Uint8Array(Uint16Array.from(f.rows.flat()).buffer)).done();
}

export interface EdgeFields {
  index: string;
  tick: string;
  count: number;
  line: number;
  level: number;
}

export function edgesRequest(sequence: number, run: number, entries: EdgeFields[]): Uint8Array {
  const w = new Writer().u32(Call.edges, sequence, run, entries.length);
  for (const e of entries) w.u64(e.index, e.tick).u32(e.count, e.line, e.level);
  return w.done();
}

export interface ReadingFields {
  end_tick: string;
  duration_ticks: number;
  number: number;
  shunt: number;
  bus: number;
  config: number;
  address: number;
  status: number;
}

export function readingsRequest(
  sequence: number,
  run: number,
  entries: ReadingFields[],
): Uint8Array {
  const w = new Writer().u32(Call.readings, sequence, run, entries.length);
  for (const r of entries) {
    w.u64(r.end_tick).u32(r.duration_ticks, r.number, r.shunt, r.bus, r.config);
    w.u32(r.address, r.status);
  }
  return w.done();
}

export interface StatusFields {
  sequence: number;
  run: number;
  state: number;
  tick: string;
  next_index: string;
  frames_dropped: number;
  rows_overrun: number;
  stalls: number;
  longest_stall_ticks: number;
  edges_dropped: number;
  commands_refused: number;
}

export function statusRequest(s: StatusFields): Uint8Array {
  const w = new Writer().u32(Call.status, s.sequence, s.run, s.state).u64(s.tick, s.next_index);
  w.u32(s.frames_dropped, s.rows_overrun, s.stalls, s.longest_stall_ticks);
  return w.u32(s.edges_dropped, s.commands_refused).done();
}

export interface ChannelFields {
  channel: number;
  converter_bits: number;
  signed: number;
  quantity: number;
  skew_ns: number;
  full_scale_uv: number;
  bandwidth_hz: number;
  name: string;
}

export interface CapabilitiesFields {
  tick_hz: number;
  tick_tolerance_ppb: number;
  row_millihertz: number;
  max_samples_hz: number;
  mask: number;
  bits: number;
  edge_lines: number;
  sampled_lines: number;
  rows_per_block: number;
  channels: ChannelFields[];
}

const NO_CAPABILITIES: CapabilitiesFields = {
  tick_hz: 1_000_000,
  tick_tolerance_ppb: 0,
  row_millihertz: 0,
  max_samples_hz: 0,
  mask: 15,
  bits: 12,
  edge_lines: 0,
  sampled_lines: 0,
  rows_per_block: 0,
  channels: [],
};

/** A device's condition, as far as a reply shows it. */
export interface Condition {
  sequence: number;
  run: number;
  running: number;
  taken?: string;
  now?: string;
  row?: string;
  platform?: number;
  model?: string;
  serial?: string;
  firmware?: string;
  capabilities?: CapabilitiesFields;
  calibration?: Uint8Array;
}

/** One command to a device in this condition; the answer is what it sends. */
export function converseRequest(d: Condition, command: Uint8Array): Uint8Array {
  const w = new Writer().u32(Call.converse, d.sequence, d.run, d.running);
  w.u64(d.taken ?? "0", d.now ?? "0", d.row ?? "0").u32(d.platform ?? 0);
  w.text(d.model ?? "", 24)
    .text(d.serial ?? "", 20)
    .text(d.firmware ?? "", 20);
  const c = d.capabilities ?? NO_CAPABILITIES;
  w.u32(c.tick_hz, c.tick_tolerance_ppb, c.row_millihertz, c.max_samples_hz);
  w.raw(Uint8Array.of(c.mask, c.bits, c.edge_lines, c.sampled_lines));
  w.raw(Uint8Array.of(c.rows_per_block & 255, c.rows_per_block >> 8, c.channels.length, 0));
  for (const ch of c.channels) {
    w.raw(Uint8Array.of(ch.channel, ch.converter_bits, ch.signed, ch.quantity));
    w.u32(ch.skew_ns, ch.full_scale_uv, ch.bandwidth_hz).text(ch.name, 20);
  }
  const calibration = d.calibration ?? new Uint8Array(0);
  return w.u32(calibration.length).raw(calibration).raw(command).done();
}

/** Bytes to one lasting device; `fresh` begins with a new one. */
export function feedRequest(bytes: Uint8Array, fresh: boolean): Uint8Array {
  return new Writer()
    .u32(Call.feed, fresh ? 1 : 0)
    .raw(bytes)
    .done();
}

export interface Timing {
  startTick: bigint;
  countsATick: number;
  sampleCounts: number;
  channels: number;
  block: number;
  ring: number;
}

export function placeRequest(
  t: Timing,
  tick: bigint,
  offsets: readonly number[],
  converting: boolean,
): Uint8Array {
  const w = new Writer().u32(Call.place).u64(t.startTick).u32(t.countsATick, t.sampleCounts);
  w.u32(t.channels, t.block, t.ring).u64(tick).u32(offsets[0]!, offsets[1]!);
  return w.u32(converting ? 1 : 0).done();
}

/** Calls of the INA226 machine. */
export const ina = {
  /** The first chip of a bus. */
  begin: (address: number, config: number) => inaRequest(0, 0, address, config),
  alert: (tick: number) => inaRequest(1, tick, 0, 0),
  /** @param low level of the alert line. */
  next: (now: number, low = false) => inaRequest(low ? LOW + 2 : 2, now, 0, 0),
  done: (now: number, acknowledged: boolean, value = 0, low = false) =>
    inaRequest(low ? LOW + 3 : 3, now, acknowledged ? 1 : 0, value),
};

const LOW = 2 ** 31;

function inaRequest(call: number, now: number, a: number, b: number): Uint8Array {
  return new Writer().u32(Call.ina, call).u64(BigInt(now)).u32(a, b).done();
}
