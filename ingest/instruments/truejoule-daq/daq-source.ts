// One DAQ of ours as an instrument: handshake, configuration, start; clock exchanges; commands. In: a way to open
// the port. Out: records to the sink. It comes back after an unplugging or a reset, as stream-source.ts has it.

import { FinalSourceError, SourceError } from "../../../schema/errors.ts";
import { CommandType, encodeConfigure } from "../../../schema/wire/frame-commands.ts";
import type { DeviceStatus } from "../../../schema/wire/frame-records.ts";
import {
  type Capabilities,
  decodeCapabilities,
  decodeMarked,
  decodePong,
  type Identity,
  type Reply,
} from "../../../schema/wire/frame-replies.ts";
import type { Instant } from "../../../schema/time.ts";
import { type Answer, CommandChannel } from "./command-channel.ts";
import { DAQ_LOSSES, type DaqCounts } from "./daq-losses.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { deviceJson, greet, type Greeting } from "./handshake.ts";
import type { Instrument } from "../../stream/instrument.ts";
import type { BytePort, OpenPort, PortSink, Stamp } from "../../ports/port.ts";
import type { DaqSink } from "../../stream/sink.ts";
import { StreamSource } from "../../stream/stream-source.ts";

export interface DaqOptions {
  readonly open: OpenPort;
  /** Name of the stream in the log: the rig's. */
  readonly stream: string;
  /** Rows per second wanted: the rig's. */
  readonly rowHz: number;
  /** Channels wanted; all the device has by default. */
  readonly mask?: number;
  /** Recording cannot go on: the sink failed (disk full), or another device answers at the port. */
  readonly onFatal?: (error: unknown) => void;
  /** Between pings. */
  readonly pingMs?: number;
}

/** A mark as the device placed it. */
export interface PlacedMark {
  readonly index: number;
  readonly tick: bigint;
  readonly sent: Instant<"host">;
  readonly received: Stamp;
}

/** A rate that differs more than this from the rig's would put every Joule off by as much. */
const RATE_TOLERANCE = 1e-3;

/** Connects, configures, starts. @throws SourceError when no DAQ answers or it cannot do what is wanted. */
export async function startDaq(options: DaqOptions, sink: DaqSink): Promise<DaqSource> {
  const source = new DaqSource(new DaqInstrument(options, sink), options, sink);
  await source.connect();
  return source;
}

export class DaqSource extends StreamSource<DaqCounts> {
  readonly #daq: DaqInstrument;

  constructor(daq: DaqInstrument, { onFatal }: DaqOptions, sink: DaqSink) {
    super(daq, sink, onFatal);
    this.#daq = daq;
  }

  get identity(): Identity {
    return this.#daq.greeting!.identity;
  }

  get capabilities(): Capabilities {
    return this.#daq.greeting!.capabilities;
  }

  /** Asks the device to place an instant on its own clock. @throws SourceError when it does not answer. */
  mark(): Promise<PlacedMark> {
    return this.#daq.mark();
  }
}

class DaqInstrument implements Instrument<DaqCounts> {
  readonly asksAgain = true;
  readonly losses = DAQ_LOSSES;
  readonly beatMs?: number;
  readonly #options: DaqOptions;
  readonly #sink: DaqSink;
  readonly #decoder: FrameDecoder;
  #channel: CommandChannel | null = null;
  #greeting: Greeting | null = null;
  /** A whole frame of its own came: after a reset its bytes may all be taken for the rest of a frame that was cut. */
  #isHeard = false;
  #device: Told = NO_STATUS;
  /** The device's losses in earlier runs. */
  #earlier = { ...NO_LOSSES };

  constructor(options: DaqOptions, sink: DaqSink) {
    this.#options = options;
    this.#sink = sink;
    const { stream, rowHz, pingMs } = options;
    if (pingMs !== undefined) this.beatMs = pingMs;
    const rates = { stream, rowHz, tickHz: rowHz };
    this.#decoder = new FrameDecoder(sink, rates, {
      heard: () => (this.#isHeard = true),
      reply: (reply, _before, after) => this.#reply(reply, after),
      status: (s) => this.#status(s),
    });
  }

  get greeting(): Greeting | null {
    return this.#greeting;
  }

  deviceJson(): string {
    return deviceJson(this.#greeting!);
  }

  counts(): DaqCounts {
    return {
      ...this.#decoder.counts,
      deviceDropped: this.#earlier.framesDropped + this.#device.framesDropped,
      deviceOverrun: this.#earlier.rowsOverrun + this.#device.rowsOverrun,
      deviceStalls: this.#earlier.stalls + this.#device.stalls,
      deviceEdgesDropped: this.#earlier.edgesDropped + this.#device.edgesDropped,
    };
  }

  doubts(): string[] {
    return [];
  }

  async connect(sink: PortSink): Promise<BytePort> {
    this.#decoder.cut();
    this.#decoder.expectNone();
    const port = await this.#options.open({
      bytes: (chunk, before, after) => sink.bytes(chunk, before, after),
      closed: (error) => {
        this.giveUp();
        sink.closed(error);
      },
    });
    this.#channel = new CommandChannel(port, () => this.#unanswered());
    try {
      await this.#begin(this.#channel, port.name);
    } catch (error) {
      await port.close();
      throw error;
    }
    return port;
  }

  giveUp(): void {
    this.#channel?.giveUp();
  }

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): boolean {
    this.#isHeard = false;
    this.#decoder.push(chunk, before, after);
    return this.#isHeard;
  }

  /** The decoder bridges a pause by the host's clock. */
  resume(): void {}

  async stop(port: BytePort | null): Promise<void> {
    if (port) await this.#channel?.request(CommandType.stop, "stop").catch(() => undefined);
    this.#decoder.cut();
  }

  async mark(): Promise<PlacedMark> {
    const { reply, sent, received } = await this.#channel!.request(CommandType.mark, "mark");
    const placed = decodeMarked(reply.body);
    if (!placed) throw new SourceError("the device answered a mark with less than its place");
    if (!this.#decoder.placed)
      throw new SourceError("the device answered a mark before the first rows of its run came");
    if (!reply.running || !this.#decoder.isIn(reply.run) || !this.#decoder.agrees(placed, received))
      throw new SourceError("the device answered a mark that cannot be of the run: it restarted");
    return { ...this.#decoder.place(placed.index, placed.tick), sent, received };
  }

  async beat(): Promise<string | null> {
    const answer = await this.#channel!.request(CommandType.ping, "ping");
    if (!answer.reply.running) return "the device was reset";
    this.#exchange(answer);
    return null;
  }

  /** Handshake, configuration, start. */
  async #begin(channel: CommandChannel, name: string): Promise<void> {
    const greeting = await greet(channel, name);
    const known = this.#greeting?.identity.serial;
    if (known !== undefined && known !== greeting.identity.serial)
      throw new FinalSourceError(
        `${name}: another device answers (${greeting.identity.serial}, recorded was ${known})`,
      );
    await channel.request(CommandType.stop, "stop");
    const { rowHz, stream } = this.#options;
    const mask =
      this.#options.mask ??
      greeting.capabilities.channels.reduce((m, c) => m | (1 << c.channel), 0);
    const { reply } = await channel.request(CommandType.configure, "configure", (sequence) =>
      encodeConfigure({ rowHz, mask, bits: 12 }, sequence),
    );
    const capabilities = decodeCapabilities(reply.body) ?? greeting.capabilities;
    if (Math.abs(capabilities.rowHz / rowHz - 1) > RATE_TOLERANCE)
      throw new FinalSourceError(
        `${name}: the rig says ${rowHz} rows/s, the device can do ${capabilities.rowHz}`,
      );
    this.#greeting = { identity: greeting.identity, capabilities };
    this.#decoder.configure({
      stream,
      rowHz: capabilities.rowHz,
      tickHz: capabilities.tickHz,
      channels: capabilities.channels,
    });
    this.#retire();
    await channel.request(CommandType.start, "start");
  }

  #reply(reply: Reply, after: Stamp): void {
    const awaited = this.#channel?.onReply(reply, after) === true;
    // Here and not in #begin: records of the new run may follow in the same read. A late reply is to a
    // start that was repeated since, which began yet another run.
    if (awaited && reply.command === CommandType.start && reply.result === 0)
      this.#decoder.expectRun(reply.run);
  }

  /** Of a device at rest nothing else is under way; while it runs, what waits may be rows that still come. */
  #unanswered(): void {
    if (!this.#decoder.awaits) this.#decoder.cut();
  }

  #exchange({ reply, sent, received }: Answer): void {
    const pong = decodePong(reply.body);
    if (!pong || received === null || !this.#decoder.placed) return;
    if (!this.#decoder.isIn(reply.run)) return; // its own clock may be another too
    if (![pong.received, pong.sent].every((t) => this.#decoder.believes(t, received))) return;
    this.#sink.exchange({
      stream: this.#options.stream,
      sent,
      deviceReceived: this.#decoder.place(0, pong.received).tick,
      deviceSent: this.#decoder.place(0, pong.sent).tick,
      received,
    });
  }

  /** Nothing that a status tells goes back within a run: the device restarted by itself. */
  #status(s: DeviceStatus): void {
    const before = this.#device;
    if (s.run !== before.run || ASCENDING.some((k) => s[k] < before[k])) this.#retire();
    this.#device = s;
  }

  /** A new run counts from 0: what the last one lost is kept. */
  #retire(): void {
    const d = this.#device;
    this.#earlier.framesDropped += d.framesDropped;
    this.#earlier.rowsOverrun += d.rowsOverrun;
    this.#earlier.stalls += d.stalls;
    this.#earlier.edgesDropped += d.edgesDropped;
    this.#device = NO_STATUS;
  }
}

const LOSSES = ["framesDropped", "rowsOverrun", "stalls", "edgesDropped"] as const;
const ASCENDING = [...LOSSES, "tick", "nextIndex"] as const;
type Told = Pick<DeviceStatus, "run" | (typeof ASCENDING)[number]>;
const NO_LOSSES = { framesDropped: 0, rowsOverrun: 0, stalls: 0, edgesDropped: 0 };
const NO_STATUS: Told = { ...NO_LOSSES, run: -1, tick: 0n, nextIndex: 0 };
