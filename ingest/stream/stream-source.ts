// One instrument, from the handshake to the last row: comes back after an unplugging, tells losses, doubts
// and silence once a second. In: an instrument. Out: records to the sink.

import { FinalSourceError, SourceError } from "../../schema/errors.ts";
import { type Instant, instant } from "../../schema/time.ts";
import type { Instrument } from "./instrument.ts";
import { lossNotes } from "./loss-notes.ts";
import type { BytePort, Stamp } from "../ports/port.ts";
import type { DaqSink } from "./sink.ts";

const CHECK_MS = 1000;
const BEAT_MS = 500;
const REOPEN_MS = 200;
const SILENCE_NS = 2_000_000_000n;
/** A host that stood still itself finds its backlog before so many beats are due. */
const SILENT_BEATS = 3;

const hostNow = (): Instant<"host"> => instant<"host">(process.hrtime.bigint());

/**
 * @param onFatal the recording cannot go on: the sink failed, or another device answers.
 * @throws SourceError when the port cannot be opened or something else answers there.
 */
export async function startStream<Counts extends object>(
  instrument: Instrument<Counts>,
  sink: DaqSink,
  onFatal?: (error: unknown) => void,
): Promise<StreamSource<Counts>> {
  const source = new StreamSource(instrument, sink, onFatal);
  await source.connect();
  return source;
}

export class StreamSource<Counts extends object> {
  readonly #instrument: Instrument<Counts>;
  readonly #sink: DaqSink;
  readonly #onFatal: (error: unknown) => void;
  #port: BytePort | null = null;
  #timing = "not connected";
  #heardNs = process.hrtime.bigint();
  #beatsSinceHeard = 0;
  #reconnects = 0;
  #told: Counts;
  readonly #said = new Set<string>();
  #stopping = false;
  /** The device was told, or cannot be: nothing is taken any longer. */
  #ended = false;
  #recovering: Promise<void> | null = null;
  #timers: NodeJS.Timeout[] = [];

  constructor(
    instrument: Instrument<Counts>,
    sink: DaqSink,
    onFatal: (error: unknown) => void = () => undefined,
  ) {
    this.#instrument = instrument;
    this.#sink = sink;
    this.#onFatal = onFatal;
    this.#told = instrument.counts();
  }

  /** How arrival is stamped. */
  get timing(): string {
    return this.#timing;
  }

  /** device.json of the log: what it said of itself. */
  get device(): string | null {
    return this.#instrument.deviceJson?.() ?? null;
  }

  counts(): Counts & { readonly rowsLost: number; readonly reconnects: number } {
    return { ...this.#instrument.counts(), reconnects: this.#reconnects };
  }

  rowsLost(): number {
    return this.#instrument.counts().rowsLost;
  }

  /** How long it has sent nothing by now, once it is known to be gone; else 0. */
  awayNs(): number {
    const known = this.#recovering !== null || this.#silent();
    return known ? Number(process.hrtime.bigint() - this.#heardNs) : 0;
  }

  async connect(): Promise<void> {
    await this.#open();
    this.#timers = [
      setInterval(() => this.#check(), CHECK_MS),
      setInterval(() => void this.#beat(), this.#instrument.beatMs ?? BEAT_MS),
    ];
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timers.forEach(clearInterval);
    if (this.#recovering) this.#instrument.giveUp?.();
    await this.#recovering;
    await this.#quietly(() => this.#instrument.stop(this.#port));
    this.#ended = true;
    await this.#drop();
    this.#check();
  }

  async #open(): Promise<void> {
    let open = true;
    const port = await this.#instrument.connect({
      bytes: (chunk, before, after) => this.#bytes(chunk, before, after),
      closed: (error) => {
        open = false;
        this.#closed(error);
      },
    });
    if (!open) throw new SourceError(`${port.name}: the device is gone`);
    this.#port = port;
    this.#timing = port.timing;
    this.#heard();
  }

  #bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    if (this.#ended) return;
    try {
      if (this.#instrument.bytes(chunk, before, after)) this.#heard();
    } catch (error) {
      // Only the sink throws here, and a log that takes nothing ends the recording.
      this.#fail(error);
    }
  }

  #heard(): void {
    this.#heardNs = process.hrtime.bigint();
    this.#beatsSinceHeard = 0;
  }

  /** A line that goes at this very moment is told by its closing. */
  async #quietly<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SourceError)) this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (this.#stopping) return;
    this.#stopping = this.#ended = true;
    this.#timers.forEach(clearInterval);
    void this.#drop();
    this.#onFatal(error);
  }

  async #drop(): Promise<void> {
    const port = this.#port;
    this.#port = null;
    if (port) this.#instrument.giveUp?.();
    await port?.close();
  }

  #closed(error: SourceError | null): void {
    const wasOpen = this.#port !== null;
    this.#port = null;
    if (error !== null && wasOpen) this.#lost(error.message);
  }

  #lost(text: string): void {
    if (this.#stopping || this.#recovering) return;
    this.#sink.note({ level: "loss", text, t: hostNow() });
    this.#recovering = this.#comeBack().finally(() => (this.#recovering = null));
  }

  /** Tries until the device is back or the recording ends. Another device at the port ends it. */
  async #comeBack(): Promise<void> {
    const goneNs = process.hrtime.bigint();
    await this.#drop();
    for (; !this.#stopping; await new Promise((r) => setTimeout(r, REOPEN_MS))) {
      try {
        await this.#open();
      } catch (error) {
        const isAwaited = error instanceof SourceError && !(error instanceof FinalSourceError);
        if (!isAwaited) return this.#fail(error); // a stranger answers, or the log takes nothing
        continue; // not plugged in yet, or not yet allowed to be used
      }
      this.#instrument.resume(Number(process.hrtime.bigint() - goneNs));
      this.#reconnects++;
      this.#sink.note({
        level: "info",
        text: `${this.#port?.name}: connected again`,
        t: hostNow(),
      });
      return;
    }
  }

  async #beat(): Promise<void> {
    const port = this.#port;
    if (!port) return;
    this.#beatsSinceHeard++;
    const why = await this.#quietly(() => this.#instrument.beat?.(port));
    if (why && port === this.#port) this.#lost(why);
  }

  #check(): void {
    const now = this.#instrument.counts();
    const notes = lossNotes(this.#instrument.losses, this.#told, now, hostNow());
    this.#told = now;
    for (const note of notes) this.#sink.note(note);
    const silent = !this.#stopping && this.#silent();
    for (const text of this.#instrument.doubts(silent)) this.#warn(text);
    if (silent && this.#instrument.asksAgain) this.#lost("the device fell silent");
  }

  #silent(): boolean {
    const isDue = this.#beatsSinceHeard > SILENT_BEATS;
    return isDue && process.hrtime.bigint() - this.#heardNs > SILENCE_NS;
  }

  #warn(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#sink.note({ level: "warning", text, t: hostNow() });
  }
}
