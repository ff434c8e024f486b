import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { LogWriter } from "../../capture/log-writer.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { columnReader } from "../../align/rows/decode.ts";
import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { GapTracker } from "../../ingest/instruments/truejoule-daq/gap-tracker.ts";
import { lastingPath, listPorts } from "../../ingest/ports/port-list.ts";
import { replayPort } from "../../ingest/ports/replay-port.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import { openPty } from "../../virtual/daq/pty.ts";
import { encodeSamples } from "../../schema/wire/frame-records.ts";
import { random } from "../../stats/random.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { Collector } from "./collect.ts";

jest.setTimeout(30_000); // a thread starts slowly on a busy machine
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-ports-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const ROWS = 40;

/** Rows of `channels` counts, and the frame that carries them. */
function blockOf(
  k: number,
  mask: number,
  bits: 12 | 16,
): { counts: number[][]; frame: Uint8Array } {
  const r = random(k, "counts");
  const channels = [0, 1, 2, 3, 4, 5, 6, 7].filter((c) => mask & (1 << c)).length;
  const counts = Array.from({ length: ROWS }, () =>
    Array.from({ length: channels }, () => r.integer(2 ** bits)),
  );
  const rowBytes = Math.ceil((channels * bits) / 8);
  const data = new Uint8Array(ROWS * rowBytes);
  counts.forEach((row, i) => {
    let word = 0n;
    row.forEach((x, c) => (word |= BigInt(x) << BigInt(c * bits)));
    for (let b = 0; b < rowBytes; b++)
      data[i * rowBytes + b] = Number((word >> BigInt(8 * b)) & 255n);
  });
  const lines = { levels: 0, sampledLines: 0, bitmap: null };
  const head = { run: 1, rows: ROWS, mask, bits, index: k * ROWS, tick: BigInt(k * ROWS * 10) };
  return { counts, frame: encodeSamples({ ...head, ...lines, data }, k) };
}

describe("from the wire through the log to columns", () => {
  test.each([
    [0b1111, 12],
    [0b0111, 12],
    [0b10000000, 12],
    [0b11111111, 12],
    [0b1101, 16],
  ] as const)("mask %i, %i bits: the log keeps the bytes, align reads the counts", (mask, bits) => {
    const path = join(dir, "capture.mcap");
    const session: Session = {
      id: "t",
      source: "virtual",
      hostClock: "monotonic",
      hostEpoch: instant<"host">(0n),
      startUnix: null,
      software: "test",
      labels: {},
    };
    const log = new LogWriter(path, session);
    const d = new FrameDecoder(log, { stream: "main", rowHz: 1e5, tickHz: 1e6 });
    const blocks = [0, 1, 2].map((k) => blockOf(k, mask, bits));
    for (const b of blocks) d.push(b.frame, instant<"host">(1n), instant<"host">(2n));
    log.close();
    const records = [...readCapture(path)];
    const layout = records.flatMap((r) => (r.kind === "layout" ? [r.layout] : []))[0]!;
    const rows = records.flatMap((r) => (r.kind === "rows" ? [r.block] : []));
    expect(rows).toHaveLength(3);
    const column = new Float64Array(ROWS);
    rows.forEach((b, k) => {
      expect([b.firstIndex, b.deviceTick, b.flags]).toEqual([k * ROWS, BigInt(k * ROWS * 10), 0]);
      layout.fields.forEach((field, c) => {
        columnReader(layout, field)(b.bytes, b.rows, column);
        expect([...column]).toEqual(blocks[k]!.counts.map((row) => row[c]));
      });
    });
  });
});

test("the gap tracker agrees with one that remembers everything", () => {
  const r = random(7, "gaps");
  for (let round = 0; round < 200; round++) {
    const t = new GapTracker();
    const seen = new Set<number>();
    const start = (2 ** 32 - 50 + r.integer(100)) % 2 ** 32;
    // A sender's numbers, some lost, some doubled, some a little late.
    let sent = Array.from({ length: 120 }, (_, k) => k).filter(
      (k) => k === 0 || k === 119 || r.uniform() > 0.15,
    );
    sent = sent.flatMap((k) => (r.uniform() < 0.1 ? [k, k] : [k]));
    for (let k = 1; k + 3 < sent.length; k += 5)
      if (r.uniform() < 0.3) [sent[k], sent[k + 1]] = [sent[k + 1]!, sent[k]!];
    // And now and then one overtakes two.
    for (let k = 3; k + 3 < sent.length; k += 11) sent.splice(k, 0, ...sent.splice(k + 2, 1));
    let [newest, duplicates, reordered] = [-1, 0, 0];
    for (const k of sent) {
      const wanted = seen.has(k) ? "duplicate" : k < newest ? "late" : "new";
      expect(t.frame((start + k) % 2 ** 32, k)).toBe(wanted);
      if (wanted === "duplicate") duplicates++;
      if (wanted === "late") {
        reordered++;
        t.late((start + k) % 2 ** 32);
      }
      seen.add(k);
      newest = Math.max(newest, k);
    }
    expect(t.counts).toMatchObject({ framesLost: 120 - seen.size, duplicates, reordered });
  }
});

test("a recording is replayed to its end, without stamps, and takes no commands", async () => {
  const path = join(dir, "line.bin");
  const bytes = Buffer.concat([0, 1, 2, 3].map((k) => blockOf(k, 15, 12).frame));
  writeFileSync(path, bytes);
  const sink = new Collector();
  const d = new FrameDecoder(sink, { stream: "main", rowHz: 1e5, tickHz: 1e6 });
  const error = await new Promise((closed) => {
    void replayPort(path)({ bytes: (c, b, a) => d.push(c, b, a), closed }).then((port) =>
      expect(() => port.write(new Uint8Array(1))).toThrow(/is a recording/),
    );
  });
  expect(error).toBeNull();
  expect(sink.blocks.map((b) => [b.firstIndex, b.hostAfter])).toEqual(
    [0, 1, 2, 3].map((k) => [k * ROWS, null]),
  );
  await expect(
    replayPort(join(dir, "none"))({ bytes: () => undefined, closed: () => undefined }),
  ).rejects.toThrow(/cannot read the recording/);
});

(process.platform === "linux" ? test : test.skip)(
  "USB terminals are listed from sysfs with what USB says",
  async () => {
    const usb = join(dir, "devices/usb1/1-2");
    mkdirSync(join(usb, "1-2:1.0"), { recursive: true });
    writeFileSync(join(usb, "idVendor"), "2e8a\n");
    writeFileSync(join(usb, "idProduct"), "000a\n");
    writeFileSync(join(usb, "serial"), "E66\n");
    for (const name of ["ttyACM10", "ttyACM2", "ttyS0"]) {
      mkdirSync(join(dir, "class/tty", name), { recursive: true });
      if (name !== "ttyACM10")
        symlinkSync(join(usb, "1-2:1.0"), join(dir, "class/tty", name, "device"));
    }
    expect(await listPorts(dir)).toEqual([
      { path: "/dev/ttyACM2", vendorId: "2e8a", productId: "000a", serialNumber: "E66" },
      { path: "/dev/ttyACM10" },
    ]);
    expect(await listPorts(join(dir, "nothing"))).toEqual([]);
  },
);

(process.platform === "linux" ? test : test.skip)(
  "a port is known by udev's name for its device, so that it is found under another number",
  () => {
    const [port, links] = [join(dir, "ttyACM0"), join(dir, "serial")];
    writeFileSync(port, "");
    expect(lastingPath(port, links)).toBe(port);
    for (const kind of ["by-path", "by-id"]) {
      mkdirSync(join(links, kind), { recursive: true });
      symlinkSync(join(dir, "ttyACM9"), join(links, kind, "gone"));
      symlinkSync(port, join(links, kind, "own"));
      expect(lastingPath(port, links)).toBe(join(links, kind, "own"));
    }
    expect(lastingPath(join(dir, "ttyACM1"), links)).toBe(join(dir, "ttyACM1"));
  },
);

(process.platform === "linux" ? test : test.skip)(
  "a busy main thread does not stop the reader: its slots are filled to the brim",
  async () => {
    const pty = openPty();
    const got = new Uint8Array(1200 * 256 + 1);
    let length = 0;
    const port = await ttyPort(pty.path)({
      bytes: (chunk) => {
        got.set(chunk, length); // throws if more comes than was sent
        length += chunk.length;
      },
      closed: () => undefined,
    });
    // 1,200 pieces at least 1 ms apart, far more than there are slots, and no turn of the event loop.
    const piece = new Uint8Array(256);
    const words = new DataView(piece.buffer);
    const pause = new Int32Array(new SharedArrayBuffer(4));
    let refused = 0;
    for (let k = 0; k < 1200 && refused < 5000; k++) {
      for (let i = 0; i < 256; i += 4) words.setUint32(i, (k * 64 + i / 4) & 0xffff, true);
      for (let done = 0; done < 256 && refused < 5000;) {
        const n = pty.write(piece, done, 256);
        if (n === 0) refused++;
        done += n;
        Atomics.wait(pause, 0, 0, 1);
      }
    }
    const delivered = length;
    for (let k = 0; k < 400 && length < 1200 * 256; k++)
      await new Promise((r) => setTimeout(r, 10));
    await port.close();
    pty.close();
    expect(delivered).toBe(0); // the main thread was busy all along
    expect(refused).toBeLessThan(5000);
    expect(length).toBe(1200 * 256);
    const words16 = new Uint32Array(got.buffer, 0, 1200 * 64);
    expect(words16.findIndex((x, i) => x !== (i & 0xffff))).toBe(-1);
  },
);
