// Logs as long recordings leave them, made in seconds: an hour of a fast DAQ, three days of exchanges and
// marks, millions of marks, millions of windows. Holds: what LogWriter writes, in the order a recorder would.

import { LogWriter } from "../capture/log-writer.ts";
import { builtInRig } from "../rigs/load.ts";
import type { Mark, SampleBlock } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { SESSION } from "./log.ts";
import { packed12, type Stream } from "./stream.ts";

/** A wire frame's rows; the pool is begun anew every 5 s at 100 kHz. */
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
  /** Four channels, two of power 100 times a second. */
  readonly telemetry?: true;
}

/** Writes the log. @returns its bytes. */
export async function writeLongLog(path: string, o: LongLog): Promise<number> {
  const s = await packed12(POOL_ROWS);
  const log = await opened(path, s, o);
  // In order of time, as a recorder takes them.
  const kinds = [
    evenly(Math.floor((o.seconds * o.rowHz) / BLOCK_ROWS), o, rows(log, s, o)),
    evenly((o.seconds * 1e9) / EXCHANGE_EVERY_NS, o, exchanges(log)),
    evenly(o.telemetry ? (o.seconds * 1e9) / READ_EVERY_NS : 0, o, reads(log)),
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
  if (telemetry) for (const c of CHANNELS) log.declareTelemetry(c);
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

const CHANNELS = [
  { name: "nvml.power_usage", quantity: "power", unit: "W" },
  { name: "nvml.power_instant", quantity: "power", unit: "W" },
  { name: "nvml.energy_counter", quantity: "energy", unit: "J" },
  { name: "nvml.temperature", quantity: "temperature", unit: "degC" },
] as const;

/** Power at every tick, the others at every tenth. */
function reads(log: LogWriter): (i: number, tNs: number) => void {
  return (i, t) => {
    CHANNELS.forEach(({ name, quantity }, k) => {
      if (k > 1 && i % 10 !== 0) return;
      const value = quantity === "power" ? 180 + (i % 7) : quantity === "energy" ? i * 1.8 : 60;
      const [before, after] = [host(t + 1000 * k), host(t + 1000 * k + 30_000)];
      log.read({ channel: name, before, after, stamp: null, value, code: 0 });
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
