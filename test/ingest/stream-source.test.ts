import { afterEach, expect, test } from "@jest/globals";
import type { BytePort, PortSink } from "../../ingest/ports/port.ts";
import type { Instrument } from "../../ingest/stream/instrument.ts";
import { startStream, type StreamSource } from "../../ingest/stream/stream-source.ts";
import { FinalSourceError, SourceError } from "../../schema/errors.ts";
import { Collector } from "./collect.ts";

type Counts = { readonly rowsLost: number };

/** Whose port does nothing; `connects` says what each try meets. */
class Silent implements Instrument<Counts> {
  readonly asksAgain = true;
  readonly losses = [];
  readonly beatMs = 20;
  readonly connects: ((sink: PortSink) => void)[] = [];
  readonly done: string[] = [];
  sink: PortSink | null = null;
  beatAnswer: string | null = null;

  async connect(sink: PortSink): Promise<BytePort> {
    this.connects.shift()?.(sink);
    this.sink = sink;
    const close = async (): Promise<void> => void this.done.push("closed");
    return { name: "port", timing: "none", write: () => undefined, close };
  }

  giveUp(): void {
    this.done.push("gave up");
  }

  /** Zeros are noise. */
  bytes(chunk: Uint8Array): boolean {
    return chunk.some((b) => b !== 0);
  }

  resume(): void {
    this.done.push("resumed");
  }

  async beat(): Promise<string | null> {
    const answer = this.beatAnswer;
    this.beatAnswer = null;
    return answer;
  }

  async stop(): Promise<void> {
    await new Promise((r) => setTimeout(r, 10));
    this.sink?.bytes(new Uint8Array([1]), null, null);
    this.done.push("stopped");
  }

  counts(): Counts {
    return { rowsLost: 0 };
  }

  doubts(): string[] {
    return [];
  }
}

let source: StreamSource<Counts> | undefined;
afterEach(() => source?.stop());

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((r) => setTimeout(r, 5));
};

test("a host that stood still itself has lost no device: what came meanwhile is read first", async () => {
  const device = new Silent();
  const sink = new Collector();
  source = await startStream(device, sink);
  // What waits in the port is read after the timers that are due, as an event loop has it.
  setTimeout(() => device.sink!.bytes(new Uint8Array([1]), null, null), 2600);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2700);
  await new Promise((r) => setTimeout(r, 50));
  expect(sink.notes).toEqual([]);
  expect(source.counts().reconnects).toBe(0);
});

test("a device of which only noise is heard is silent, and asked again", async () => {
  const device = new Silent();
  const sink = new Collector();
  source = await startStream(device, sink);
  const noise = setInterval(() => device.sink!.bytes(new Uint8Array(8), null, null), 20);
  await until(() => source!.counts().reconnects > 0);
  clearInterval(noise);
  expect(sink.notes.map((n) => n.text)).toEqual([
    "the device fell silent",
    "port: connected again",
  ]);
  expect(device.done).toEqual(["gave up", "closed", "resumed"]);
});

test("a device that says that it is lost is asked again at once", async () => {
  const device = new Silent();
  const sink = new Collector();
  source = await startStream(device, sink);
  device.beatAnswer = "the device was reset";
  await until(() => source!.counts().reconnects === 1);
  expect(sink.notes[0]!.text).toBe("the device was reset");
});

test("a return that fails is tried again, one that cannot succeed ends the recording", async () => {
  const device = new Silent();
  let fatal: unknown;
  source = await startStream(device, new Collector(), (e) => (fatal = e));
  device.connects.push(
    () => {
      throw new SourceError("in use by another program");
    },
    () => {
      throw new FinalSourceError("another device answers");
    },
  );
  device.sink!.closed(new SourceError("unplugged"));
  await until(() => fatal !== undefined);
  expect((fatal as Error).message).toBe("another device answers");
  expect(device.connects).toEqual([]);
});

test("what comes until the device has stopped is taken, and nothing after", async () => {
  const device = new Silent();
  const heard: number[] = [];
  device.bytes = (chunk) => heard.push(chunk[0]!) > 0;
  source = await startStream(device, new Collector());
  await source.stop();
  device.sink!.bytes(new Uint8Array([2]), null, null);
  expect(heard).toEqual([1]);
  expect(device.done).toEqual(["stopped", "gave up", "closed"]);
});
