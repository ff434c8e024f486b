// Logs as long recordings leave them, made in seconds: an hour of a fast DAQ, three days of exchanges and
// marks, millions of marks, millions of windows. Holds: what LogWriter writes, in the order a recorder would.

import { LogWriter } from "../capture/log-writer.ts";
import { builtInRig } from "../rigs/load.ts";
import type { Mark, SampleBlock, TelemetryChannel } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { SESSION } from "./log.ts";
import { packed12, type Stream } from "./stream.ts";

/** A wire frame's rows; the pool is started again every 5 s at 100 kHz. */
const BLOCK_ROWS = 512;
const POOL_ROWS = 1 << 19;
const EPOCH_NS = 10n ** 12n;
const EXCHANGE_EVERY_NS = 500e6;
const READ_EVERY_NS = 10e6;

export interface LongLog {
  readonly seconds: number;
  readonly rowHz: number;
  /** Begins and ends named `step`, evenly over the time. */
  readonly windows: number;
  /** Instants named `token` between them. */
  readonly instants?: number;
  /** Read on one grid of 100 Hz, or at every tenth of its ticks. */
  readonly telemetry?: readonly LongChannel[];
}

interface LongChannel extends TelemetryChannel {
  readonly pace: "fast" | "slow";
}

const channel = (
  pace: LongChannel["pace"],
  name: string,
  quantity: TelemetryChannel["quantity"],
  unit: string,
): LongChannel => ({ pace, name: `nvml.${name}`, quantity, unit });

export const FOUR_CHANNELS: readonly LongChannel[] = [
  channel("fast", "power_usage", "power", "W"),
  channel("fast", "power_instant", "power", "W"),
  channel("slow", "energy_counter", "energy", "J"),
  channel("slow", "temperature", "temperature", "degC"),
];

/** What a recorder reads of one GPU (docs/telemetry.md), but for the driver's own buffer. */
export const LIVE_CHANNELS: readonly LongChannel[] = [
  channel("fast", "power_usage", "power", "W"),
  channel("fast", "power_average", "power", "W"),
  channel("fast", "power_instant", "power", "W"),
  channel("slow", "energy_counter", "energy", "J"),
  channel("slow", "temperature", "temperature", "degC"),
  channel("slow", "temperature_memory", "temperature", "degC"),
  channel("slow", "clock_sm", "frequency", "Hz"),
  channel("slow", "clock_memory", "frequency", "Hz"),
  channel("slow", "utilization_gpu", "ratio", "1"),
  channel("slow", "utilization_memory", "ratio", "1"),
  channel("slow", "memory_used", "bytes", "B"),
  channel("slow", "pstate", "state", "1"),
  channel("slow", "clocks_event_reasons", "state", "1"),
  channel("slow", "power_limit", "state", "W"),
];

/** Writes the log. @returns its bytes. */
export async function writeLongLog(path: string, o: LongLog): Promise<number> {
  const s = await packed12(POOL_ROWS);
  const log = await opened(path, s, o);
  // In order of time, as a recorder takes them.
  const kinds = [
    evenly(Math.floor((o.seconds * o.rowHz) / BLOCK_ROWS), o, rows(log, s, o)),
    evenly((o.seconds * 1e9) / EXCHANGE_EVERY_NS, o, exchanges(log)),
    evenly(o.telemetry ? (o.seconds * 1e9) / READ_EVERY_NS : 0, o, reads(log, o)),
    evenly(2 * o.windows, o, (i, t) =>
      log.mark(
        mark("step", i % 2 === 0 ? "begin" : "end", t, {
          span: `1.${i >> 1}`,
          pid: 4711,
          tid: 4712,
        }),
      ),
    ),
    evenly(o.instants ?? 0, o, (_, t) => log.mark(mark("token", "instant", t))),
  ];
  for (;;) {
    let next = kinds[0]!;
    for (const k of kinds) if (k.at < next.at) next = k;
    if (next.at === Infinity) break;
    next.write();
  }
  log.close();
  return log.bytesWritten;
}

async function opened(path: string, s: Stream, { rowHz, telemetry }: LongLog): Promise<LogWriter> {
  const { text } = await builtInRig("virtual");
  const { device } = s.rig;
  const rig = { ...s.rig, device: { ...device, rowHz, clock: { ...device.clock, hz: rowHz } } };
  const log = new LogWriter(path, { ...SESSION, hostEpoch: instant<"host">(EPOCH_NS) });
  log.attach("rig.yaml", "application/yaml", text);
  log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
  log.declareRows(s.layout);
  for (const { name, quantity, unit } of telemetry ?? [])
    log.declareTelemetry({ name, quantity, unit });
  return log;
}

interface Source {
  /** When its next record comes, ns since the start. */
  at: number;
  write(): void;
}

function evenly(n: number, { seconds }: LongLog, one: (i: number, tNs: number) => void): Source {
  let i = 0;
  const time = (k: number): number =>
    k < n ? Math.round(((k + 0.5) / n) * seconds * 1e9) : Infinity;
  return {
    at: time(0),
    write() {
      one(i, this.at);
      this.at = time(++i);
    },
  };
}

const host = (tNs: number): ReturnType<typeof instant<"host">> =>
  instant<"host">(EPOCH_NS + BigInt(tNs));

function rows(log: LogWriter, s: Stream, { rowHz }: LongLog): (i: number) => void {
  const bytes = BLOCK_ROWS * s.layout.rowBytes;
  const tickNs = 1000; // a counter of 1 MHz
  return (i) => {
    const at = (i * bytes) % s.pool.length;
    const endNs = Math.round((((i + 1) * BLOCK_ROWS) / rowHz) * 1e9);
    const block: SampleBlock = {
      stream: s.layout.stream,
      firstIndex: i * BLOCK_ROWS,
      deviceTick: BigInt(Math.round(((i * BLOCK_ROWS) / rowHz) * (1e9 / tickNs))),
      hostBefore: host(endNs + 60_000),
      hostAfter: host(endNs + 100_000 + ((i * 7919) % 50_000)),
      rows: BLOCK_ROWS,
      flags: 0,
      bytes: s.pool.subarray(at, at + bytes),
    };
    log.rows(block);
  };
}

function exchanges(log: LogWriter): (i: number, tNs: number) => void {
  return (i, t) => {
    const tick = BigInt(Math.round(t / 1000));
    log.exchange({
      stream: "main",
      sent: host(t),
      deviceReceived: tick + 100n,
      deviceSent: tick + 110n,
      received: host(t + 210_000 + ((i * 7919) % 40_000)),
    });
    log.clockPair({
      mono: host(t),
      unix: instant<"unix">(EPOCH_NS * 1000n + BigInt(t)),
      boot: BigInt(t),
    });
  };
}

const SLOW_EVERY = 10;
/** A channel fails once in about a quarter of an hour, if it does. */
const FAILS_EVERY = 99_991;
const UNKNOWN_ERROR = 999;

/** No read takes as long as the last one, and each of the fast channels shows another value. */
function reads(log: LogWriter, { telemetry = [] }: LongLog): (i: number, tNs: number) => void {
  return (i, t) => {
    telemetry.forEach(({ name, quantity, pace }, k) => {
      if (pace === "slow" && i % SLOW_EVERY !== 0) return;
      const value = quantity === "power" ? 180 + (i % 7) : quantity === "energy" ? i * 1.8 : 60 + k;
      const before = t + 1000 * k;
      const after = before + 20_000 + ((i * 7919) % 20_011);
      const failed = name === "nvml.power_instant" && i % FAILS_EVERY === 1;
      log.read({
        ...{ channel: name, before: host(before), after: host(after), stamp: null },
        ...(failed ? { value: NaN, code: UNKNOWN_ERROR } : { value, code: 0 }),
      });
    });
  };
}

const mark = (name: string, phase: Mark["phase"], tNs: number, fields?: Mark["fields"]): Mark => ({
  name,
  phase,
  clock: "host",
  t: host(tNs),
  ...(fields ? { fields } : {}),
});
