// The emulated board → a capture log, in virtual time: the host's clock is the board's, so the run is the
// same on every machine, however busy. What a recorder does over a pty, without pty and threads: the real
// decoder and the real log. A process of its own:
//     node --import ./scripts/ts-register.mjs test/firmware/emulated-capture.ts IMAGE RUN OPTIONS_JSON

import { readFileSync } from "node:fs";
import { LogWriter } from "../../capture/log-writer.ts";
import { createRun } from "../../capture/new-run.ts";
import { benchPins, type Reference } from "../../firmware/emulator/bench-pins.ts";
import { Board } from "../../firmware/emulator/board.ts";
import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { builtInRig } from "../../rigs/load.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import { virtualClockPairs, virtualMarks } from "../../virtual/bench/host.ts";
import { trueWindows, truthJson } from "../../virtual/bench/truth.ts";
import { CommandType, encodeCommand, encodeConfigure } from "../../schema/wire/frame-commands.ts";
import { decodeCapabilities, decodePong, type Reply } from "../../schema/wire/frame-replies.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import { type Instant, instant, later } from "../../schema/time.ts";

export interface EmulatedCaptureOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly rowHz: number;
  readonly currentError?: { readonly gain: number; readonly offsetA: number };
  readonly references: readonly Reference[];
}

/** The bench's zero, in the board's time: it has booted by then. */
const ZERO_NS = 500e6;
const HOST_EPOCH = instant<"host">(86_400_000_000_000n);
const START_UNIX = instant<"unix">(1_767_225_600_000_000_000n);
/** From the last packet to the reader's stamp, and the reader's own call. */
const [DELIVERY_NS, READ_NS] = [150e3, 20e3];
const PING_NS = 250e6;

async function main(image: Uint8Array, dir: string, o: EmulatedCaptureOptions): Promise<void> {
  const loaded = await builtInRig("emulated-pico");
  const clock = { ...loaded.rig.device.clock, hz: o.rowHz };
  const device = { ...loaded.rig.device, rowHz: o.rowHz, clock };
  const rig: Rig = { ...loaded.rig, device };
  const bench = new VirtualBench(rig, { seed: o.seed, durationS: o.seconds });
  const session: Session = {
    id: `emulated-${o.seed}`,
    source: "emulated",
    hostClock: "monotonic",
    hostEpoch: HOST_EPOCH,
    startUnix: START_UNIX,
    software: "truejoule",
    labels: { seed: String(o.seed) },
  };
  const log = new LogWriter(createRun(dir).capture, session);
  const marks = virtualMarks(bench.hostWork, session);
  const windows = trueWindows(bench, session, marks);
  log.attach("rig.yaml", "application/yaml", Buffer.from(loaded.text));
  log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
  log.attach("truth.json", "application/json", Buffer.from(truthJson(bench, windows, 0)));
  for (const pair of virtualClockPairs(bench, session)) log.clockPair(pair);
  for (const m of marks) log.mark(m);
  record(image, bench, o, log);
  log.close();
}

/** Handshake, run, a ping every 250 ms, stop; everything stamped with the board's own time. */
function record(
  image: Uint8Array,
  bench: VirtualBench,
  o: EmulatedCaptureOptions,
  log: LogWriter,
): void {
  const host = (boardNs: number): Instant<"host"> => later(HOST_EPOCH, boardNs - ZERO_NS);
  let sent = host(0);
  const onReply = (reply: Reply, after: Instant<"host"> | null): void => {
    if (reply.command === CommandType.configure) {
      const c = decodeCapabilities(reply.body)!;
      decoder.configure({ ...c, stream: "main" });
    } else if (reply.command === CommandType.start) decoder.expectRun(reply.run);
    else if (reply.command === CommandType.ping && decoder.placed) {
      const pong = decodePong(reply.body)!;
      log.exchange({
        stream: "main",
        sent,
        deviceReceived: decoder.place(0, pong.received).tick,
        deviceSent: decoder.place(0, pong.sent).tick,
        received: after!,
      });
    }
  };
  const decoder = new FrameDecoder(
    log,
    { stream: "main", rowHz: o.rowHz, tickHz: 1e6 },
    { reply: (r, _before, after) => onReply(r, after) },
  );
  const board = new Board({
    image,
    pins: benchPins(bench, {
      zeroNs: ZERO_NS,
      references: o.references,
      ...(o.currentError ? { currentError: o.currentError } : {}),
    }),
    onData: (bytes) => {
      const after = board.nowNs + DELIVERY_NS;
      decoder.push(bytes, host(after - READ_NS), host(after));
    },
  });
  const say = (command: Uint8Array, thenNs: number): void => {
    sent = host(board.nowNs);
    board.usb.send(command);
    board.run(board.nowNs + thenNs);
  };
  decoder.expectNone();
  board.run(ZERO_NS - 100e6);
  say(encodeConfigure({ rowHz: o.rowHz, mask: 15, bits: 12 }, 1), 20e6);
  say(encodeCommand(CommandType.start, 2), 20e6);
  for (let n = 3; board.nowNs < ZERO_NS + o.seconds * 1e9; n++)
    say(encodeCommand(CommandType.ping, n), PING_NS);
  say(encodeCommand(CommandType.stop, 1_000_000), 100e6);
  if (board.usb.errors.length > 0) throw new Error(board.usb.errors.join("\n"));
}

const [imagePath, dir, options] = process.argv.slice(2);
await main(
  new Uint8Array(readFileSync(imagePath!)),
  dir!,
  JSON.parse(options!) as EmulatedCaptureOptions,
);
