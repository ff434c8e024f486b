// The run's folder or its log is taken away, replaced or cut while it is recorded. The built command on the
// virtual bench. Linux.

import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readCapture } from "../../capture/log-reader.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { claimRun } from "../../capture/new-run.ts";
import { session } from "../capture/small-log.ts";
import { expectBuilt, main, type Ran, truejoule } from "../end-to-end/built.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;

let dir: string;
let other: string;
beforeAll(async () => {
  expectBuilt();
  dir = mkdtempSync(join(tmpdir(), "truejoule-moved-"));
  other = join(dir, "other");
  const { code } = await truejoule(
    "record",
    "--rig",
    "virtual",
    "--out",
    other,
    "--duration",
    "1s",
  );
  expect([0, 3]).toContain(code); // so short a run may be degraded
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const logOf = (run: string): string => join(run, "capture.mcap");
const bytesOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

/** Records until the log has rows, does this to it, and waits for the end. `early`: what stderr said by then. */
async function recordAnd(
  run: string,
  what: () => void,
  ...rest: string[]
): Promise<Ran & { readonly early: string }> {
  const args = [main, "record", "--rig", "virtual", "--json", "--out", run, ...rest];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (b: Buffer) => (said[name] += b.toString()));
  const ended = new Promise<number>((resolve) => child.once("close", (c) => resolve(c ?? -1)));
  while (bytesOf(logOf(run)) < 100_000) await sleep(20);
  what();
  // It runs for ten minutes unless it has noticed; one that goes on is ended here once it has said so.
  while (!/the log (is not|was)/.test(said.stderr) && child.exitCode === null) await sleep(20);
  const early = said.stderr;
  if (child.exitCode === null) child.kill("SIGINT");
  return { code: await ended, ...said, early };
}

interface Doc {
  readonly ended: string;
  readonly rows: number;
  readonly lost_rows: number;
  readonly marks: number;
  readonly reads: number;
  readonly bytes: number;
  readonly findings: readonly { readonly subject: string; readonly count: number }[];
}

const contents = (run: string): string[] =>
  readdirSync(run).map((n) => `${n} ${readFileSync(join(run, n), "base64")}`);

const namesIn = (run: string): string[] => (existsSync(run) ? readdirSync(run) : []);

function recordedIn(run: string): { rows: number; notes: string } {
  let rows = 0;
  const notes: string[] = [];
  for (const r of readCapture(logOf(run)))
    if (r.kind === "rows") rows += r.block.rows;
    else if (r.kind === "note") notes.push(r.note.text);
  return { rows, notes: notes.join("\n") };
}

onLinux("D1: the run is moved while it is recorded", () => {
  const replacements: Record<string, (run: string) => void> = {
    "another run": (run) => cpSync(other, run, { recursive: true, preserveTimestamps: true }),
    "an empty folder": (run) => void mkdirSync(run),
    nothing: () => undefined,
  };
  test.each(Object.keys(replacements))(
    "D1: %s in its place is left alone; the log is whole where it is now; exit 3",
    async (name) => {
      const [run, moved] = [join(dir, `run-${name}`), join(dir, `moved-${name}`)];
      let before: string[] | null = null;
      const ran = await recordAnd(run, () => {
        renameSync(run, moved);
        replacements[name]!(run);
        before = existsSync(run) ? contents(run) : null;
      });
      expect(ran.code).toBe(3);
      expect(existsSync(run) ? contents(run) : null).toEqual(before);
      const doc = JSON.parse(ran.stdout) as Doc;
      const { rows, notes } = recordedIn(moved);
      expect([doc.rows, doc.lost_rows, doc.ended]).toEqual([rows, 0, "interrupt"]);
      expect(doc.findings).toMatchObject([{ subject: "log", count: 1 }]);
      expect(notes).toMatch(/log: the log is not .*capture\.mcap any more/);
      expect(ran.stderr).toMatch(/not fused: the log is not .* find the run/);
      expect(readdirSync(moved)).toEqual(["capture.mcap"]);
      await truejoule("fuse", moved); // so short a run may be degraded
      expect(readdirSync(moved)).toContain("fused.arrow");
      expect((await truejoule("verify", moved)).code).toBe(0);
    },
    60_000,
  );

  test("D1: a log that is whole still knows its name once it is closed", () => {
    const log = new LogWriter(join(dir, "a.mcap"), session);
    log.close();
    expect(log.place).toBe("here");
    renameSync(join(dir, "a.mcap"), join(dir, "b.mcap"));
    expect(log.place).toBe("moved");
    cpSync(join(dir, "b.mcap"), join(dir, "a.mcap"));
    expect(log.place).toBe("moved");
    renameSync(join(dir, "b.mcap"), join(dir, "a.mcap"));
    expect(log.place).toBe("here");
  });

  test("D1: a claim that fails takes back nothing of what stands in its folder's place", async () => {
    const run = join(dir, "claimed");
    const claim = await claimRun(run, () => undefined);
    renameSync(run, join(dir, "claim-moved"));
    cpSync(other, run, { recursive: true });
    const before = contents(run);
    claim.abandon();
    expect(contents(run)).toEqual(before);
  });
});

onLinux("D2: the log is lost while it is recorded", () => {
  const ways: Record<string, (run: string) => void> = {
    "the folder deleted": (run) => rmSync(run, { recursive: true }),
    "the log deleted": (run) => unlinkSync(logOf(run)),
    "replaced by another": (run) => {
      unlinkSync(logOf(run));
      cpSync(logOf(other), logOf(run));
    },
    emptied: (run) => writeFileSync(logOf(run), ""),
    "cut short": (run) => truncateSync(logOf(run), bytesOf(logOf(run)) - 1),
    "written over": (run) => cpSync(logOf(other), logOf(run)),
    "appended to": (run) => appendFileSync(logOf(run), "x"),
  };
  test.each(Object.keys(ways))(
    "D2: %s: said at once, the recording ends, nothing counts as recorded, exit 1",
    async (name) => {
      const run = join(dir, `lost-${name}`);
      let left: string[] = [];
      const ran = await recordAnd(run, () => {
        ways[name]!(run);
        left = namesIn(run);
      });
      expect(ran.code).toBe(1);
      expect(ran.early).toMatch(
        /recording ended early: .*capture\.mcap: the log was (deleted|cut|written over).*nothing of it counts/,
      );
      const doc = JSON.parse(ran.stdout) as Doc;
      expect(doc).toMatchObject({ ended: "failure", rows: 0, reads: 0, marks: 0, bytes: 0 });
      expect(doc.lost_rows).toBeGreaterThan(1000);
      expect(namesIn(run)).toEqual(left); // nothing was made from it
    },
    60_000,
  );
});
