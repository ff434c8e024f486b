// A capture log → another one with its records changed on the way, every checksum right: what a broken
// recorder, a wrong clock or a strange device would have left.

import { type CaptureRecord, readCapture } from "../../capture/log-reader.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import type { SampleBlock } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import type { Random } from "../../stats/random.ts";

/** Gives the records to write in place of one; the n-th of its kind, from 0. */
export type Change = (r: CaptureRecord, n: number) => readonly CaptureRecord[];

/** @param chunkBlocks a chunk is closed after so many blocks; by its size when absent. */
export function rewrite(from: string, to: string, change: Change, chunkBlocks = Infinity): void {
  const seen = new Map<string, number>();
  let log: LogWriter | undefined;
  let blocks = 0;
  for (const record of readCapture(from)) {
    const n = seen.get(record.kind) ?? 0;
    seen.set(record.kind, n + 1);
    for (const r of change(record, n)) {
      if (r.kind === "session") log = new LogWriter(to, r.session);
      else write(log!, r);
      if (r.kind === "rows" && ++blocks % chunkBlocks === 0) log!.flush();
    }
  }
  log!.close();
}

function write(log: LogWriter, r: CaptureRecord): void {
  if (r.kind === "attachment" && r.name !== "session.json") log.attach(r.name, r.mediaType, r.data);
  else if (r.kind === "layout") log.declareRows(r.layout);
  else if (r.kind === "channel") log.declareTelemetry(r.channel);
  else if (r.kind === "rows") log.rows(r.block);
  else if (r.kind === "read") log.read(r.read);
  else if (r.kind === "mark") log.mark(r.mark);
  else if (r.kind === "edge") log.edge(r.edge);
  else if (r.kind === "pair") log.clockPair(r.pair);
  else if (r.kind === "exchange") log.exchange(r.exchange);
  else if (r.kind === "note") log.note(r.note);
}

type Oddity = (r: Random) => Change;

/** One block, early on, changed. */
const block =
  (change: (b: SampleBlock, r: Random) => readonly SampleBlock[]): Oddity =>
  (r) => {
    const k = r.integer(3);
    return (x, n) =>
      x.kind === "rows" && n === k ? change(x.block, r).map((b) => ({ ...x, block: b })) : [x];
  };

/** Times far from any session, and near ones. */
const anyTime = (r: Random): bigint => {
  const far = [0n, 1n, 2n ** 62n, -(2n ** 62n), 2n ** 63n - 1n, -(2n ** 63n) + 1n];
  const near = [10n ** 9n, -(10n ** 9n), 3600n * 10n ** 9n];
  const all = [...far, ...near];
  return all[r.integer(all.length)]!;
};

const someMark =
  (change: (m: Extract<CaptureRecord, { kind: "mark" }>["mark"], r: Random) => object): Oddity =>
  (r) => {
    const k = r.integer(4);
    return (x, n) =>
      x.kind === "mark" && n === k ? [{ ...x, mark: { ...x.mark, ...change(x.mark, r) } }] : [x];
  };

const someRead =
  (
    change: (x: Extract<CaptureRecord, { kind: "read" }>["read"], r: Random) => object,
    count: number,
  ): Oddity =>
  (r) => {
    const from = r.integer(60);
    return (x, n) =>
      x.kind === "read" && n >= from && n < from + count
        ? [{ ...x, read: { ...x.read, ...change(x.read, r) } }]
        : [x];
  };

const rigJson =
  (change: (rig: Record<string, never> & RigJson) => unknown): Oddity =>
  () =>
  (x) => {
    if (x.kind !== "attachment" || x.name !== "rig.json") return [x];
    const rig = JSON.parse(Buffer.from(x.data).toString()) as Record<string, never> & RigJson;
    const changed = change(rig) ?? rig;
    return [{ ...x, data: Buffer.from(JSON.stringify(changed)) }];
  };

interface RigJson {
  rails: { current: Record<string, unknown> }[];
  device: { stream: string; rowHz: number; clock: { hz: number } };
}

const JUMPS = [1, -1, 512, -512, 1e6, 2 ** 40];

export const oddities: Readonly<Record<string, Oddity>> = {
  "a row index that jumps": block((b, r) => [
    { ...b, firstIndex: Math.max(0, b.firstIndex + JUMPS[r.integer(JUMPS.length)]!) },
  ]),
  "a block that is missing": block(() => []),
  "a block that is listed twice": block((b) => [b, b]),
  "a block of zeros": block((b) => [{ ...b, bytes: new Uint8Array(b.bytes.length) }]),
  "a block of ones": block((b) => [{ ...b, bytes: new Uint8Array(b.bytes.length).fill(255) }]),
  "a block of noise": block((b, r) => [{ ...b, bytes: b.bytes.map(() => r.integer(256)) }]),
  "any flags on a block": block((b, r) => [{ ...b, flags: r.integer(16) }]),
  "any host stamps on a block": block((b, r) => {
    const t = anyTime(r);
    return [{ ...b, hostBefore: instant<"host">(t), hostAfter: instant<"host">(t) }];
  }),
  "any device tick on a block": block((b, r) => [{ ...b, deviceTick: anyTime(r) }]),
  "values that nothing measures": someRead(
    (_, r) => ({ value: [NaN, Infinity, -Infinity, 1e300, -1e300, 1e9, -5][r.integer(7)]! }),
    9,
  ),
  "a read at any time": someRead((_, r) => {
    const t = instant<"host">(anyTime(r));
    return { before: t, after: t };
  }, 1),
  "reads that begin after they end": someRead(
    (x) => ({ before: instant<"host">(x.after + 100_000_000n) }),
    3,
  ),
  "a mark at any time": someMark((_, r) => ({ t: anyTime(r) })),
  "a mark on an unknown clock": someMark(() => ({ clock: "martian" })),
  "a mark of the other phase": someMark((m) => ({ phase: m.phase === "end" ? "begin" : "end" })),
  "a mark by another name": someMark((_, r) => ({
    name: ["", "session", "a".repeat(5000), "<script>", "x\ny", "sync"][r.integer(6)]!,
  })),
  "an edge that is nowhere": (r) => {
    const wheres = [{ index: 1e9 }, { index: -5 }, { tick: anyTime(r) }, { seconds: NaN }, {}];
    const where = wheres[r.integer(wheres.length)]!;
    return (x, n) =>
      x.kind === "rows" && n === 1
        ? [
            x,
            { kind: "edge", edge: { line: "trigger", stream: x.block.stream, level: 1, ...where } },
          ]
        : [x];
  },
  "exchanges at any time": (r) => {
    const [t, device] = [instant<"host">(anyTime(r)), anyTime(r)];
    return (x, n) =>
      x.kind === "rows" && n < 5
        ? [
            x,
            {
              kind: "exchange",
              exchange: {
                stream: x.block.stream,
                sent: t,
                deviceReceived: device,
                deviceSent: device,
                received: t,
              },
            },
          ]
        : [x];
  },
  "a wall clock that steps": (r) => {
    const unix = instant<"unix">(anyTime(r));
    return (x, n) => (x.kind === "pair" && n === 1 ? [{ ...x, pair: { ...x.pair, unix } }] : [x]);
  },
  "a rig whose sensor reads another field": rigJson((rig) => {
    rig.rails[0]!.current["field"] = "nonesuch";
  }),
  "a rig without rails": rigJson((rig) => ({ ...rig, rails: [] })),
  "a rig without a scale": rigJson((rig) => {
    rig.rails[0]!.current["perCount"] = 0;
  }),
  "a rig with an uncertainty that is no number": rigJson((rig) => {
    rig.rails[0]!.current["gainU"] = null;
  }),
  "a rig without calibration": rigJson((rig) => {
    delete rig.rails[0]!.current["calibration"];
  }),
  "a rig that is silent on rails it does not measure": rigJson((rig) => ({
    ...rig,
    missingRails: undefined,
  })),
  "a rig of another rate of rows": rigJson((rig) => {
    rig.device.rowHz = 1;
  }),
  "a rig of another clock": rigJson((rig) => {
    rig.device.clock.hz *= 2;
  }),
  "a rig of another stream": rigJson((rig) => {
    rig.device.stream = "other";
  }),
  "a rig that is none": rigJson(() => ["x"]),
  "no rig": () => (x) => (x.kind === "attachment" && x.name.startsWith("rig") ? [] : [x]),
};
