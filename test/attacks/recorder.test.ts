// Nothing but the disk and the DAQ ends a recording: faults beside it, in the process and around it.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type CaptureRecord, readCapture } from "../../capture/log-reader.ts";
import { createRun } from "../../capture/new-run.ts";
import { after } from "../../record/after.ts";
import type { Bench } from "../../record/bench.ts";
import { checkRoom, fusedRowBytes, roomFor, shortage } from "../../record/disk.ts";
import type { RecordingPlan, RecordingResult } from "../../record/plan.ts";
import { record } from "../../record/recorder.ts";
import { exitOf } from "../../cli/recording.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { builtInRig } from "../../rigs/load.ts";
import { BlockFlag } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { session } from "../capture/small-log.ts";
import type { Script } from "./recorder-script.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "truejoule-attack-"))));
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

/** The script's recording, as a process; `limit` on its files' sizes in KiB. */
function scripted(script: Script, limit?: number): RecordingResult & { made: number } {
  const hook = fileURLToPath(new URL("../../scripts/ts-register.mjs", import.meta.url));
  const main = fileURLToPath(new URL("./recorder-script.ts", import.meta.url));
  const args = ["--no-warnings", "--import", pathToFileURL(hook).href, main, join(dir, "run")];
  // A limit on files is a disk that is full in the middle of a write, for whoever may not mount one.
  const command = `trap '' XFSZ; ulimit -f ${limit === undefined ? "unlimited" : limit * 2}; exec "$@"`;
  const ran = spawnSync(
    "sh",
    ["-c", command, "sh", process.execPath, ...args, JSON.stringify(script)],
    { encoding: "utf8" },
  );
  expect(ran.stderr).toBe("");
  return JSON.parse(ran.stdout) as RecordingResult & { made: number };
}

const logOf = (run = join(dir, "run")): CaptureRecord[] => [
  ...readCapture(join(run, "capture.mcap")),
];

function rowsIn(log: readonly CaptureRecord[]): number {
  let rows = 0;
  for (const r of log)
    if (r.kind === "rows" && !(r.block.flags & BlockFlag.duplicate)) rows += r.block.rows;
  return rows;
}

const notesIn = (log: readonly CaptureRecord[]): string[] =>
  log.flatMap((r) => (r.kind === "note" ? [r.note.text] : []));

async function quietBench(change: Partial<Bench> = {}): Promise<Bench> {
  return {
    rig: await builtInRig("virtual"),
    source: "virtual",
    grids: [],
    environment: { schema: "environment/1", warnings: [] } as never,
    epoch: instant<"host">(process.hrtime.bigint()),
    triggerOutput: null,
    ownMarks: () => [],
    truthJ: null,
    description: "a DAQ of a few lines",
    close: async () => undefined,
    start: async () => ({
      timing: "nobody",
      device: "{}",
      rowsLost: () => 0,
      awayNs: () => 0,
      stop: async () => undefined,
    }),
    ...change,
  };
}

async function recorded(
  change: Partial<RecordingPlan> = {},
  bench?: Bench,
): Promise<RecordingResult> {
  const made = bench ?? (await quietBench());
  return record({
    paths: createRun(join(dir, "run")),
    session: { ...session, hostEpoch: made.epoch },
    bench: made,
    durationS: 0.2,
    program: null,
    interrupted: new AbortController().signal,
    realtime: false,
    trigger: false,
    onProgress: () => undefined,
    onFailure: () => undefined,
    ...change,
  });
}

const broken = (): never => {
  throw new Error("it is broken");
};

onLinux("faults beside the measurement", () => {
  test("B1: a page that throws at everything is one finding, counted", async () => {
    const methods = ["device", "declareRows", "rows", "edge", "exchange", "note", "mark", "reads"];
    const tee = Object.fromEntries(methods.map((m) => [m, broken])) as never;
    const result = await recorded({ tee });
    expect(result.ended).toBe("duration");
    expect(result.findings).toMatchObject([{ subject: "live page", text: "it is broken" }]);
    expect(result.findings[0]!.count).toBeGreaterThan(1);
    expect(exitOf(result, false)).toBe(3);
    const said = notesIn(logOf()).filter((n) => n.startsWith("live page"));
    expect(said).toEqual([
      "live page: it is broken",
      expect.stringMatching(/^live page: \d+ more faults$/),
    ]);
  });

  test("B4: marks that cannot be read (no file left) are a finding, polled on, and the DAQ goes on", async () => {
    const poll = jest.spyOn(MarksSource.prototype, "poll").mockImplementation(() => {
      throw Object.assign(new Error("EMFILE: too many open files, scandir"), { code: "EMFILE" });
    });
    const result = await recorded({ durationS: 0.5 });
    expect(result.ended).toBe("duration");
    expect(result.findings).toMatchObject([{ subject: "marks" }]);
    expect(result.findings[0]!.count).toBe(poll.mock.calls.length);
    expect(notesIn(logOf()).join("\n")).toMatch(/marks: EMFILE/);
  });

  test("B2: a progress line that throws, a failure that cannot be told", async () => {
    const result = await recorded({ durationS: 1.2, onProgress: broken, onFailure: broken });
    expect([result.ended, result.findings[0]!.subject]).toEqual(["duration", "progress"]);
  });

  test("every source that fails to end is a finding; the log gets its footer", async () => {
    const bench = await quietBench({
      close: broken,
      ownMarks: broken,
      truth: broken,
      start: async () => ({
        ...{ timing: "nobody", device: null, rowsLost: () => 0, awayNs: () => 0 },
        stop: broken,
      }),
    });
    const result = await recorded({}, bench);
    expect(result.ended).toBe("duration");
    expect(result.findings.map((f) => f.subject)).toEqual(["DAQ", "bench"]);
    expect(result.findings[1]!.count).toBe(3);
    expect(logOf().some((r) => r.kind === "damage")).toBe(false);
  });

  test("D1: a start that fails removes its own log, not what stands in its place", async () => {
    const [run, moved] = [join(dir, "run"), join(dir, "moved")];
    const start = (): never => {
      renameSync(run, moved);
      mkdirSync(run);
      writeFileSync(join(run, "capture.mcap"), "another's");
      return broken();
    };
    await expect(recorded({}, await quietBench({ start: broken }))).rejects.toThrow("it is broken");
    expect(existsSync(join(run, "capture.mcap"))).toBe(false);
    await expect(recorded({}, await quietBench({ start }))).rejects.toThrow("it is broken");
    expect(readFileSync(join(run, "capture.mcap"), "utf8")).toBe("another's");
  });

  test("the DAQ's own fatal error ends it, and is the failure", async () => {
    const bench = await quietBench({
      start: async (_sink, onFatal) => {
        setTimeout(() => onFatal(new Error("another device answers")), 50);
        return {
          ...{ timing: "nobody", device: null, rowsLost: () => 0, awayNs: () => 0 },
          stop: async () => undefined,
        };
      },
    });
    const told: string[] = [];
    const result = await recorded({ durationS: 3600, onFailure: (w) => told.push(w) }, bench);
    expect([result.ended, exitOf(result, false)]).toEqual(["failure", 1]);
    expect(told).toEqual(["recording ended early: another device answers"]);
  });

  test("an exception in nobody's call is a finding", () => {
    const result = scripted({ durationS: 1, blocks: 1, bug: true });
    expect(result.ended).toBe("duration");
    expect(result.findings).toEqual([
      {
        ...{ code: "recorder-fault", level: "doubt", subject: "truejoule" },
        ...{ text: "thrown in a timer", count: 2 },
      },
    ]);
    expect(rowsIn(logOf())).toBe(result.rows);
  });

  test.each(["dies", "exits", "does not open"] as const)(
    "a telemetry worker that %s: told at once as a loss, the other grid and the DAQ go on",
    (telemetry) => {
      const provider = join(dir, "provider.mjs");
      writeFileSync(
        provider,
        `export function open({ how }) {
          if (how === "does not open") throw new Error("no driver");
          let n = 0;
          return {
            description: how, missing: [], maxRows: 1,
            channels: [{ name: "test." + how, quantity: "power", unit: "W" }],
            read(c, sink) {
              if (++n > 20 && how === "dies") throw new Error("driver gone");
              if (n > 20 && how === "exits") process.exit(9);
              sink.put(n, 0, NaN);
            },
            close() {},
          };
        }`,
      );
      const url = pathToFileURL(provider).href;
      const result = scripted({ durationS: 2, blocks: 1, telemetry, provider: url });
      expect(result.ended).toBe("duration");
      expect(result.findings.map((f) => f.subject)).toEqual([`telemetry grid ${telemetry}`]);
      const log = logOf();
      expect(rowsIn(log)).toBe(result.made);
      const reads = (name: string): number =>
        log.filter((r) => r.kind === "read" && r.read.channel === `test.${name}`).length;
      expect(reads("lives")).toBeGreaterThan(20);
      expect(reads("lives") + reads(telemetry)).toBe(result.reads);
      const lost = log.filter((r) => r.kind === "note" && r.note.level === "loss");
      expect(lost.length).toBeGreaterThan(0);
    },
  );
});

onLinux("A6: what is told as recorded is in the log", () => {
  test("rows that come twice count once", () => {
    const result = scripted({ durationS: 0.5, blocks: 2 });
    expect([result.rows, result.lostRows]).toEqual([result.made, 0]);
    expect(rowsIn(logOf())).toBe(result.rows);
  });

  // 20 MiB is beyond the marks' ring, which lies in memory and is limited too.
  test.each([20_001, 20_500, 21_111, 23_456])(
    "a disk full at %d KiB: rows told = rows in the log, the rest lost",
    (kib) => {
      const result = scripted({ durationS: 60, blocks: 8 }, kib);
      expect(result.ended).toBe("failure");
      const rows = rowsIn(logOf());
      expect(rows).toBeGreaterThan(0);
      expect([result.rows, result.lostRows]).toEqual([rows, result.made - rows]);
    },
  );
});

describe("A9: durations", () => {
  test("a timer of 600 hours fires after 600 hours, not before", () => {
    jest.useFakeTimers();
    try {
      const fired = jest.fn();
      after(600 * 3600e3, fired);
      jest.advanceTimersByTime(599.9 * 3600e3);
      expect(fired).not.toHaveBeenCalled();
      jest.advanceTimersByTime(0.11 * 3600e3);
      expect(fired).toHaveBeenCalledTimes(1);
      after(600 * 3600e3, fired)();
      jest.advanceTimersByTime(1000 * 3600e3);
      expect(fired).toHaveBeenCalledTimes(1);
    } finally {
      jest.useRealTimers();
    }
  });

  test("a recording of 600 hours records until it is interrupted", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    const result = await recorded({ durationS: 600 * 3600, interrupted: stop.signal });
    expect(result.ended).toBe("interrupt");
  });
});

describe("C6: room", () => {
  test("both numbers, and what --no-fuse would need", async () => {
    const { rig } = await builtInRig("virtual");
    const room = roomFor(rig, 3600, true);
    expect(room.fuseBytes).toBeGreaterThan(3600 * rig.device.rowHz * fusedRowBytes(rig));
    expect(() => checkRoom("runs/x", room, 10e9)).toThrow(
      /runs\/x: 10\.0 GB free, a recording of this length needs 2\d\.\d GB \(its log 3\.0\d GB, the fuse that follows 2\d\.\d GB; --no-fuse needs 3\.0\d GB alone\); free some space/,
    );
    expect(() => checkRoom("runs/x", roomFor(rig, 3600, false), 10e9)).not.toThrow();
  });

  test("of days of a slow device the telemetry is nearly all: 9 GB in the log, 8 GB for the fuse", async () => {
    const { rig } = await builtInRig("virtual");
    const slow = { ...rig, device: { ...rig.device, rowHz: 100 } };
    const room = roomFor(slow, 72 * 3600, true);
    expect(room.logBytes).toBeGreaterThan(8.9e9);
    expect(room.fuseBytes).toBeGreaterThan(1.5e9 + 5.6e9 + 2.5e9);
  });

  test("on the way: the fuse will not fit, or the log itself", () => {
    expect(shortage(10, { logBytes: 4, fuseBytes: 6 })).toBeNull();
    expect(shortage(9e9, { logBytes: 4e9, fuseBytes: 6e9 })).toMatch(
      /9\.00 GB free, the rest of the log needs 4\.00 GB and the fuse after it 6\.00 GB: unless/,
    );
    expect(shortage(3e9, { logBytes: 4e9, fuseBytes: 0 })).toMatch(/will end early unless/);
  });
});
