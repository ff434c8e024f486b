// The emulated board as a process: the real image behind a pty, its pins on the virtual bench, at the pace
// of the host's clock. In: the resolved rig as JSON on stdin, and the arguments below. Out: one JSON line
// when the pty can be opened, one with its own account when it ends (SIGTERM). Linux.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { dieWithParent, openPty, type Pty } from "../../virtual/daq/pty.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import type { Rig } from "../../schema/rig.ts";
import { visible } from "../../schema/visible.ts";
import { benchPins, type Reference } from "./bench-pins.ts";
import { Board } from "./board.ts";

const OPTIONS = {
  image: { type: "string" },
  seed: { type: "string", default: "1" },
  seconds: { type: "string", default: "600" },
  /** CLOCK_MONOTONIC at which the bench's work begins, ns. */
  epoch: { type: "string" },
  "gain-error": { type: "string", default: "0" },
  "offset-error": { type: "string", default: "0" },
  references: { type: "string", default: "[]" },
} as const;

const SLICE_NS = 1e6;
/** The driver holds this much for a reader that is away; then the host stops asking the device. */
const [DRIVER_BYTES, DRIVER_LOW] = [65_536, 32_768];

const hostNs = (): bigint => process.hrtime.bigint();

interface Account {
  readonly virtualS: number;
  /** How far the board fell behind the host's clock at worst, ns. */
  readonly worstLagNs: number;
  readonly usbErrors: readonly string[];
  readonly packets: number;
  readonly stalls: number;
}

/** The host's driver between board and pty: bytes wait here until the reader takes them. */
class Driver {
  stalls = 0;
  readonly #pty: Pty;
  readonly #waiting: Uint8Array[] = [];
  readonly #input = new Uint8Array(4096);
  /** What the host wrote, and the board's time at which it did. */
  readonly #coming: { readonly atNs: number; readonly bytes: Uint8Array }[] = [];
  readonly #boardTime: () => number;
  #bytes = 0;
  #stalled = false;

  /** @param boardTime the board's time by the host's clock, whether or not the board is that far. */
  constructor(pty: Pty, boardTime: () => number) {
    this.#pty = pty;
    this.#boardTime = boardTime;
  }

  take(bytes: Uint8Array): void {
    this.#waiting.push(bytes.slice());
    this.#bytes += bytes.length;
  }

  /** Hands on what the pty takes, both ways. */
  pump(board: Board): void {
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting[0]!;
      const n = this.#pty.write(chunk, 0, chunk.length);
      this.#bytes -= n;
      if (n < chunk.length) {
        this.#waiting[0] = chunk.subarray(n);
        break;
      }
      this.#waiting.shift();
    }
    const n = this.#pty.read(this.#input);
    if (n > 0) this.#coming.push({ atNs: this.#boardTime(), bytes: this.#input.slice(0, n) });
    // Not before its time: a board that lags behind must not stamp a ping with an instant before it was
    // sent, or its clock would seem to jump.
    while (this.#coming.length > 0 && this.#coming[0]!.atNs <= board.nowNs)
      board.usb.send(this.#coming.shift()!.bytes);
    this.#flow(board);
  }

  #flow(board: Board): void {
    const stall = this.#stalled ? this.#bytes > DRIVER_LOW : this.#bytes > DRIVER_BYTES;
    if (stall === this.#stalled) return;
    if (stall) this.stalls++;
    this.#stalled = stall;
    board.usb.stall(stall);
  }
}

async function run(): Promise<void> {
  const { values } = parseArgs({ args: process.argv.slice(2), options: OPTIONS });
  const rig = JSON.parse(readFileSync(0, "utf8")) as Rig;
  dieWithParent();
  const seconds = Number(values.seconds);
  const bench = new VirtualBench(rig, { seed: Number(values.seed), durationS: seconds });
  const powerUp = hostNs();
  const epoch = values.epoch === undefined ? powerUp : BigInt(values.epoch);
  const pty = openPty();
  const driver = new Driver(pty, () => Number(hostNs() - powerUp));
  const [gain, offsetA] = [1 + Number(values["gain-error"]), Number(values["offset-error"])];
  const board = new Board({
    image: new Uint8Array(readFileSync(values.image!)),
    pins: benchPins(bench, {
      zeroNs: Number(epoch - powerUp),
      references: JSON.parse(values.references) as Reference[],
      ...(gain !== 1 || offsetA !== 0 ? { currentError: { gain, offsetA } } : {}),
    }),
    onData: (bytes) => driver.take(bytes),
  });
  let stop = false;
  process.on("SIGTERM", () => (stop = true));
  const catchUp = (): number => {
    const target = Number(hostNs() - powerUp);
    board.run(Math.min(board.nowNs + SLICE_NS, target));
    return target - board.nowNs;
  };
  // Starting up takes longer than real time; the pty is told of when that is made good.
  while (catchUp() > SLICE_NS || !board.usb.isOpen);
  process.stdout.write(`${JSON.stringify({ path: pty.path })}\n`);
  let worstLagNs = 0;
  while (!stop) {
    const lag = catchUp();
    worstLagNs = Math.max(worstLagNs, lag);
    driver.pump(board);
    if (lag < SLICE_NS) {
      pty.wait(false, 1);
      await new Promise((turn) => setImmediate(turn)); // signals are seen here
    } else if (Math.floor(board.nowNs / SLICE_NS) % 16 === 0)
      await new Promise((turn) => setImmediate(turn));
  }
  pty.close();
  const account: Account = {
    virtualS: board.nowNs / 1e9,
    worstLagNs,
    usbErrors: board.usb.errors,
    packets: board.usb.packetsIn,
    stalls: driver.stalls,
  };
  process.stdout.write(`${JSON.stringify(account)}\n`);
}

try {
  await run();
} catch (error) {
  process.stderr.write(`emulator: ${visible((error as Error).message)}\n`);
  process.exitCode = 1;
}
