// One DAQ, from the handshake to the last block: joins port, decoder and commands, exchanges clock
// stamps, comes back after an unplugging or a reset and records the gap. In: a way to open the port.
// Out: records to the sink. What is lost is counted and told once a second.

import { SourceError } from "../../../schema/errors.ts";
import { CommandType, encodeConfigure } from "../../../schema/wire/frame-commands.ts";
import type { DeviceStatus } from "../../../schema/wire/frame-records.ts";
import {
  type Capabilities,
  decodeCapabilities,
  decodeMarked,
  decodePong,
  type Identity,
} from "../../../schema/wire/frame-replies.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { CommandChannel } from "./command-channel.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { greet, type Greeting } from "./handshake.ts";
import { DAQ_LOSSES, type DaqCounts, lossNotes } from "../../stream/loss-notes.ts";
import type { BytePort, OpenPort, Stamp } from "../../ports/port.ts";
import type { DaqSink } from "../../stream/sink.ts";

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
const PING_MS = 500;
const NOTES_MS = 1000;
const REOPEN_MS = 200;
/** Status comes every 100 ms; silence for this long means that the device is gone or was reset. */
const SILENCE_NS = 1_500_000_000n;
/** A host that stood still itself finds its backlog before so many pings are due. */
const SILENT_PINGS = 3;

const hostNow = (): Instant<"host"> => instant<"host">(process.hrtime.bigint());

/** Connects, configures, starts. @throws SourceError when no DAQ answers or it cannot do what is wanted. */
export async function startDaq(options: DaqOptions, sink: DaqSink): Promise<DaqSource> {
  const source = new DaqSource(options, sink);
  await source.connect();
  return source;
}

export class DaqSource {
  readonly #options: DaqOptions;
  readonly #sink: DaqSink;
  readonly #decoder: FrameDecoder;
  #port: BytePort | null = null;
  #channel: CommandChannel | null = null;
  #greeting: Greeting | null = null;
  /** The last whole frame: after a reset its bytes may all be taken for the rest of a frame that was cut. */
  #heardNs = 0n;
  #pingsSinceHeard = 0;
  #stopping = false;
  #recovering: Promise<void> | null = null;
  #timers: NodeJS.Timeout[] = [];
  #device: Pick<DeviceStatus, (typeof LOSSES)[number]> = NO_STATUS;
  /** The device's losses in earlier runs. */
  #earlier = { ...NO_STATUS };
  #reconnects = 0;
  #told: DaqCounts;

  constructor(options: DaqOptions, sink: DaqSink) {
    this.#options = options;
    this.#sink = sink;
    const { stream, rowHz } = options;
    this.#decoder = new FrameDecoder(
      sink,
      { stream, rowHz, tickHz: rowHz },
      {
        heard: () => this.#heard(),
        reply: (reply, _before, after) => {
          const awaited = this.#channel?.onReply(reply, after) === true;
          // Here and not in start(): records of the new run may follow in the same read. A late reply is to a
          // start that was repeated since, which began yet another run.
          if (awaited && reply.command === CommandType.start && reply.result === 0)
            this.#decoder.expectRun(reply.run);
        },
        status: (s) => this.#status(s),
      },
    );
    this.#told = this.counts();
  }

  get identity(): Identity {
    return this.#greeting!.identity;
  }

  get capabilities(): Capabilities {
    return this.#greeting!.capabilities;
  }

  /** How arrival is stamped. */
  get timing(): string {
    return this.#port?.timing ?? "not connected";
  }

  counts(): DaqCounts {
    return {
      ...this.#decoder.counts,
      deviceDropped: this.#earlier.framesDropped + this.#device.framesDropped,
      deviceOverrun: this.#earlier.rowsOverrun + this.#device.rowsOverrun,
      deviceStalls: this.#earlier.stalls + this.#device.stalls,
      deviceEdgesDropped: this.#earlier.edgesDropped + this.#device.edgesDropped,
      reconnects: this.#reconnects,
    };
  }

  /** How long it has sent nothing by now, once it is known to be gone or reset; else 0. */
  awayNs(): number {
    return this.#recovering === null ? 0 : Number(process.hrtime.bigint() - this.#heardNs);
  }

  async connect(): Promise<void> {
    try {
      await this.#open();
      await this.#begin();
    } catch (error) {
      await this.#drop();
      throw error;
    }
    const { pingMs = PING_MS } = this.#options;
    this.#timers = [
      setInterval(() => void this.#ping(), pingMs),
      setInterval(() => this.#tell(), NOTES_MS),
    ];
  }

  /** Asks the device to place an instant on its own clock. @throws SourceError when it does not answer. */
  async mark(): Promise<PlacedMark> {
    const { reply, sent, received } = await this.#channel!.request(CommandType.mark, "mark");
    const placed = decodeMarked(reply.body);
    if (!placed)
      throw new SourceError("retry", "the device answered a mark with less than its place");
    return { ...this.#decoder.place(placed.index, placed.tick), sent, received };
  }

  /** Stops the device, takes what is still on its way, tells the last losses, closes the port. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timers.forEach(clearInterval);
    if (this.#recovering) this.#channel?.giveUp();
    await this.#recovering;
    await this.#channel?.request(CommandType.stop, "stop").catch(() => undefined);
    await this.#drop();
    this.#decoder.cut();
    this.#tell();
  }

  async #open(): Promise<void> {
    this.#decoder.expectNone();
    this.#decoder.cut();
    const port = await this.#options.open({
      bytes: (chunk, before, after) => this.#bytes(chunk, before, after),
      closed: (error) => this.#closed(error),
    });
    this.#port = port;
    this.#channel = new CommandChannel(port);
  }

  /** Handshake, configuration, start. */
  async #begin(): Promise<void> {
    const channel = this.#channel!;
    const name = this.#port!.name;
    const greeting = await greet(channel, name);
    const known = this.#greeting?.identity.serial;
    if (known !== undefined && known !== greeting.identity.serial)
      throw new SourceError(
        "fatal",
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
      throw new SourceError(
        "fatal",
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
    this.#heard();
  }

  /** Counters never go back within a run: the device began anew by itself. */
  #status(s: DeviceStatus): void {
    const before = this.#device;
    if (LOSSES.some((k) => s[k] < before[k])) this.#retire();
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

  #heard(): void {
    this.#heardNs = process.hrtime.bigint();
    this.#pingsSinceHeard = 0;
  }

  #bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    try {
      this.#decoder.push(chunk, before, after);
    } catch (error) {
      // Only the sink can throw here, and a log that takes nothing ends the recording.
      void this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#timers.forEach(clearInterval);
    await this.#drop();
    this.#options.onFatal?.(error);
  }

  #closed(error: SourceError | null): void {
    this.#port = this.#channel = null;
    if (error === null || this.#stopping || this.#greeting === null) return;
    this.#lost(error.message);
  }

  async #drop(): Promise<void> {
    const port = this.#port;
    this.#channel?.giveUp();
    this.#port = this.#channel = null;
    await port?.close();
  }

  async #ping(): Promise<void> {
    const channel = this.#channel;
    if (!channel || this.#recovering) return;
    const silent = process.hrtime.bigint() - this.#heardNs > SILENCE_NS;
    if (++this.#pingsSinceHeard > SILENT_PINGS && silent)
      return this.#lost("the device fell silent");
    try {
      const { reply, sent, received } = await channel.request(CommandType.ping, "ping");
      if (!reply.running) return this.#lost("the device was reset");
      const pong = decodePong(reply.body);
      if (!pong || received === null || !this.#decoder.placed) return;
      if (![pong.received, pong.sent].every((t) => this.#decoder.believes(t, received))) return;
      this.#sink.exchange({
        stream: this.#options.stream,
        sent,
        deviceReceived: this.#decoder.place(0, pong.received).tick,
        deviceSent: this.#decoder.place(0, pong.sent).tick,
        received,
      });
    } catch (error) {
      if (!(error instanceof SourceError)) void this.#fail(error);
    }
  }

  #lost(text: string): void {
    if (this.#stopping || this.#recovering) return;
    this.#sink.note({ level: "loss", text, t: hostNow() });
    this.#recovering = this.#comeBack().finally(() => (this.#recovering = null));
  }

  /** Tries until the device is back or the recording ends. A foreign device at the port ends it. */
  async #comeBack(): Promise<void> {
    for (; !this.#stopping; await new Promise((r) => setTimeout(r, REOPEN_MS))) {
      await this.#drop();
      try {
        await this.#open();
        await this.#begin();
        this.#reconnects++;
        this.#sink.note({
          level: "info",
          text: `${this.#port!.name}: connected again`,
          t: hostNow(),
        });
        return;
      } catch (error) {
        // Just plugged in, a port is forbidden until udev has been there: only a stranger is final.
        if (this.#port !== null && error instanceof SourceError && error.kind === "fatal") {
          void this.#fail(error);
          return;
        }
      }
    }
  }

  #tell(): void {
    const now = this.counts();
    for (const note of lossNotes(DAQ_LOSSES, this.#told, now, hostNow())) this.#sink.note(note);
    this.#told = now;
  }
}

const LOSSES = ["framesDropped", "rowsOverrun", "stalls", "edgesDropped"] as const;
const NO_STATUS = { framesDropped: 0, rowsOverrun: 0, stalls: 0, edgesDropped: 0 };
