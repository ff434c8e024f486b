// Question and answer with an instrument that frames nothing: bytes are awaited by their number, for a while.
// After the handshake the same port streams to whoever takes over.

import type { BytePort, OpenPort, PortSink, Stamp } from "./port.ts";
import type { SourceError } from "../../schema/errors.ts";

/** More than this before a handshake is over is a stream of somebody else's. */
const MAX_BYTES = 1 << 16;

export class Dialogue {
  readonly port: BytePort;
  readonly #line: Line;

  private constructor(port: BytePort, line: Line) {
    this.port = port;
    this.#line = line;
  }

  /** @throws SourceError when the port cannot be opened. */
  static async open(open: OpenPort): Promise<Dialogue> {
    const line = new Line();
    return new Dialogue(await open(line), line);
  }

  /**
   * Opens the port and asks; it stays open for whoever streams.
   * @throws SourceError when the port cannot be opened, or what `ask` throws; then it is closed.
   */
  static async greet<D>(
    open: OpenPort,
    ask: (dialogue: Dialogue) => Promise<D>,
  ): Promise<{ device: D; dialogue: Dialogue }> {
    const dialogue = await Dialogue.open(open);
    try {
      return { device: await ask(dialogue), dialogue };
    } catch (error) {
      await dialogue.close();
      throw error;
    }
  }

  /**
   * Forgets what came before, writes, waits for `count` bytes or until the patience is over.
   * @returns what came, which may be less or more. @throws SourceError when the line is gone.
   */
  async ask(question: Uint8Array | string, count: number, patienceMs: number): Promise<Buffer> {
    this.#line.forget();
    this.tell(question);
    await this.#line.wait((bytes) => bytes >= count, patienceMs);
    return this.#line.take();
  }

  /** The same for an answer in text that ends in its own way. */
  async askUntil(question: Uint8Array | string, end: RegExp, patienceMs: number): Promise<string> {
    const text = (): string => this.#line.take().toString("latin1");
    this.#line.forget();
    this.tell(question);
    await this.#line.wait(() => end.test(text()), patienceMs);
    return text();
  }

  tell(bytes: Uint8Array | string): void {
    this.port.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Waits until nothing has come for `ms`, a second at most. @returns whether the line is quiet. */
  async hush(ms: number): Promise<boolean> {
    for (let tries = 0; tries < 1000 / ms; tries++) {
      this.#line.forget();
      await this.#line.wait((bytes) => bytes > 0, ms);
      if (this.#line.take().length === 0) return true;
    }
    return false;
  }

  /** From now on every byte goes to `sink`. */
  handOver(sink: PortSink): BytePort {
    this.#line.next = sink;
    return this.port;
  }

  close(): Promise<void> {
    return this.port.close();
  }
}

class Line implements PortSink {
  next: PortSink | null = null;
  #chunks: Buffer[] = [];
  #length = 0;
  #gone: SourceError | null = null;
  #wake: () => void = () => undefined;

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    if (this.next) return this.next.bytes(chunk, before, after);
    if (this.#length >= MAX_BYTES) return;
    this.#chunks.push(Buffer.from(chunk)); // copied: it may be shared memory, valid only now
    this.#length += chunk.length;
    this.#wake();
  }

  closed(error: SourceError | null): void {
    this.#gone = error;
    if (this.next) this.next.closed(error);
    else this.#wake();
  }

  forget(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  take(): Buffer {
    if (this.#gone) throw this.#gone;
    return Buffer.concat(this.#chunks);
  }

  /** Resolves when `enough` of the number of bytes holds, the line is gone or the time is up. */
  wait(enough: (bytes: number) => boolean, patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, patienceMs);
      this.#wake = () => {
        if (this.#gone || enough(this.#length)) done();
      };
      this.#wake();
    });
  }
}
