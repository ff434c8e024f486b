// A recording → the live page beside it, in a process of its own (view/live/page-process.ts). In: what the
// recorder's tee sees. Out: an address. Holds: nothing of the page can reach the recording. What it does not
// take in time is left out, so a slow or stopped page holds neither memory nor rows; its end is reported once.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { siblingModule } from "../host/sibling.ts";
import type { Mark } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import { frameOf, type PageMessage } from "../view/live/page-protocol.ts";
import type { Bench } from "./bench.ts";
import type { RecordingPlan, RecordingState } from "./plan.ts";

export interface LiveView {
  /** The page's process; −1 where it could not be started. */
  readonly pid: number;
  readonly tee: NonNullable<RecordingPlan["tee"]>;
  /** Twice a second. */
  state(s: RecordingState): void;
  /** @param text what the page says from then on. */
  close(text: string): Promise<void>;
}

export interface LiveListener {
  /** Told the address, with its token, once the page is up; the recording does not wait for it. */
  onUrl(url: string): void;
  /** Told once if the page ends before the recording or never comes, and at the end if it missed something. */
  onLost(text: string): void;
}

const SEND_MS = 50;
/** Waiting for the page: above this rows, reads and marks are left out, five seconds of 4 × 125 kS/s. */
const MAX_WAITING_BYTES = 4 << 20;
/** Without the few that must come (layouts, notes): more of those can only be a page that is stuck. */
const STUCK_BYTES = 8 << 20;
const END_MS = 3000;
/** Of what the process says before it ends. */
const KEPT_WORDS = 500;

/** @param run what the page calls it. */
export function startLive(
  bench: Bench,
  session: Session,
  run: string,
  listener: LiveListener,
): LiveView {
  const page = new PageProcess(listener);
  const tee = teeTo(page);
  page.put({ kind: "hello", rig: bench.rig.rig, session, run });
  page.send();
  const due = dueMarks(bench, session);
  const timer = setInterval(() => {
    for (const m of due(process.hrtime.bigint())) tee.mark(m);
    page.send();
  }, SEND_MS);
  return {
    pid: page.pid,
    tee,
    state: (figures) => page.putIfRoom(SMALL, () => ({ kind: "figures", figures })),
    close: (text) => {
      clearInterval(timer);
      return page.end(text);
    },
  };
}

/** About so many bytes on the pipe. */
const SMALL = 200;

function teeTo(page: PageProcess): LiveView["tee"] {
  let told = false;
  return {
    device: (said) => page.put({ kind: "device", said }),
    declareRows: (layout) => page.put({ kind: "layout", layout }),
    rows: (block) =>
      page.putIfRoom(SMALL + block.bytes.byteLength, () => {
        // Its bytes are valid only during the call.
        return { kind: "rows", block: { ...block, bytes: Uint8Array.from(block.bytes) } };
      }),
    edge: (edge) => page.putIfRoom(SMALL, () => ({ kind: "edge", edge })),
    exchange: (exchange) => page.putIfRoom(SMALL, () => ({ kind: "exchange", exchange })),
    mark: (mark) => page.putIfRoom(SMALL, () => ({ kind: "mark", mark })),
    note: (note) => page.put({ kind: "note", note }),
    reads(batch, { channels, grids }) {
      if (!told) page.put({ kind: "channels", channels, grids });
      told = true;
      const { count, before, after, stamp, value, channel } = batch;
      const columns = { count, before, after, stamp, value, channel };
      page.putIfRoom(SMALL + count * 38, () => ({ kind: "reads", batch: columns }));
    },
  };
}

/** The process at the other end of the pipe. */
class PageProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #listener: LiveListener;
  readonly #exited: Promise<void>;
  #words = "";
  #batch: PageMessage[] = [];
  #batchBytes = 0;
  #leftOut = 0;
  #gone = false;
  #ending = false;

  constructor(listener: LiveListener) {
    this.#listener = listener;
    const { url, execArgv } = siblingModule(import.meta.url, "../view/live/page-process");
    // In a session of its own: a terminal's Ctrl-C or end is for the recorder, which then ends the pipe.
    const child = spawn(process.execPath, [...NODE_ARGS, ...execArgv, fileURLToPath(url)], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    child.stdin.on("error", () => undefined); // its end is told by its exit
    child.stderr.on("data", (b: Buffer) => {
      this.#words = `${this.#words}${b.toString()}`.slice(-KEPT_WORDS);
    });
    createInterface({ input: child.stdout }).once("line", (line) =>
      listener.onUrl((JSON.parse(line) as { url: string }).url),
    );
    this.#exited = new Promise((resolve) => {
      const over = (how: string): void => {
        if (!this.#gone && !this.#ending) this.#lost(how);
        this.#gone = true;
        resolve();
      };
      child.once("error", (error) => over(error.message));
      child.once("close", (code, signal) =>
        over(this.#words.trim() || `it ended (${signal ?? code})`),
      );
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What the page cannot do without. */
  put(message: PageMessage): void {
    if (this.#gone) return;
    if (this.#waiting > STUCK_BYTES) return this.#giveUp();
    this.#batch.push(message);
    this.#batchBytes += SMALL;
  }

  /** Left out where the page is behind. @param bytes about. */
  putIfRoom(bytes: number, make: () => PageMessage): void {
    if (this.#gone) return;
    if (this.#waiting + bytes > MAX_WAITING_BYTES) return void this.#leftOut++;
    this.#batch.push(make());
    this.#batchBytes += bytes;
  }

  send(): void {
    if (this.#gone || this.#batch.length === 0) return;
    const frame = frameOf(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#child.stdin.write(frame);
  }

  async end(text: string): Promise<void> {
    this.#ending = true;
    if (this.#gone) return;
    if (this.#leftOut > 0)
      this.#listener.onLost(`it was too slow and missed ${this.#leftOut} of its messages`);
    this.put({ kind: "end", text });
    this.send();
    this.#child.stdin.end();
    await Promise.race([this.#exited, pause(END_MS)]);
    this.#child.kill("SIGKILL"); // one that has ended hears nothing
  }

  get #waiting(): number {
    return this.#batchBytes + this.#child.stdin.writableLength;
  }

  #giveUp(): void {
    this.#lost("it no longer accepts data");
    this.#gone = true;
    this.#child.stdin.destroy();
    this.#child.kill("SIGKILL");
  }

  #lost(how: string): void {
    this.#batch = [];
    this.#listener.onLost(`it is gone: ${how}; the recording goes on`);
  }
}

/** Of a page that shows some numbers. */
const NODE_ARGS = ["--no-warnings", "--max-semi-space-size=1", "--max-old-space-size=256"];

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms).unref());

/** Marks that a virtual bench makes itself, each when its time has come. */
function dueMarks(bench: Bench, session: Session): (now: bigint) => readonly Mark[] {
  const own = bench.ownMarks(session);
  let next = 0;
  return (now) => {
    const from = next;
    while (next < own.length && own[next]!.t <= now) next++;
    return own.slice(from, next);
  };
}
