// A program that outlives its recording: told at once, left alone, ended by the user's Ctrl-C only. The
// built command as a process on the virtual bench. Linux.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { expectBuilt, main } from "./built.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;

let dir: string;
beforeAll(() => {
  expectBuilt();
  dir = mkdtempSync(join(tmpdir(), "truejoule-outlive-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What a process says, and a way to wait for it. */
class Heard {
  readonly child: ChildProcess;
  text = "";
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #waiting: { pattern: RegExp; resolve: () => void }[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    const hear = (bytes: Buffer): void => {
      this.text += bytes.toString();
      for (const w of this.#waiting) if (w.pattern.test(this.text)) w.resolve();
    };
    child.stderr?.on("data", hear);
    child.stdout!.on("data", hear);
    this.ended = new Promise((resolve) =>
      child.once("close", (code, signal) => resolve({ code, signal })),
    );
  }

  async said(pattern: RegExp): Promise<void> {
    if (pattern.test(this.text)) return;
    const heard = new Promise<void>((resolve) => this.#waiting.push({ pattern, resolve }));
    await Promise.race([heard, this.ended]);
    expect(this.text).toMatch(pattern);
  }
}

const command = (out: string, program: string, ...options: string[]): string[] =>
  [main, "record", "--rig", "virtual", "--out", out, ...options].concat([
    ...["--", process.execPath, "-e", program],
  ]);

const recording = (...of: Parameters<typeof command>): Heard =>
  new Heard(spawn(process.execPath, command(...of), { stdio: ["ignore", "pipe", "pipe"] }));

/** Says its number and every SIGINT; ends after the first with code 5, unless stubborn. */
const program = (stubborn: boolean): string => `
  let n = 0;
  process.on("SIGINT", () => {
    console.error("SIGINT " + ++n + ".");
    if (!${stubborn}) setTimeout(() => process.exit(5), 500);
  });
  console.error("program " + process.pid + ".");
  setTimeout(() => {}, 60000);`;

/** A zombie waits for whoever adopted it, and runs no more. */
function running(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

const GOES_ON =
  /truejoule: the recording is over; the program goes on unrecorded; Ctrl-C ends both/;

onLinux("a program that outlives its recording", () => {
  test("one interrupt ends both: passed on where no terminal did, once; its code is told", async () => {
    const run = recording(join(dir, "once"), program(false), "--duration", "1s", "--json");
    await run.said(/program \d+\./);
    await run.said(GOES_ON);
    run.child.kill("SIGINT");
    await run.said(/waiting for the program to end; Ctrl-C again kills it/);
    expect((await run.ended).code).toBe(5);
    expect(run.text).toMatch(/SIGINT 1\./);
    expect(run.text).not.toMatch(/SIGINT 2\./);
    expect(run.text).toMatch(/"ended": "duration",\s+"exit_code": 5,/);
  });

  test("a second interrupt ends both at once", async () => {
    const run = recording(join(dir, "twice"), program(true), "--duration", "1s");
    await run.said(/program \d+\./);
    await run.said(GOES_ON);
    run.child.kill("SIGINT");
    await run.said(/Ctrl-C again kills it/);
    run.child.kill("SIGINT");
    expect(await run.ended).toEqual({ code: null, signal: "SIGINT" });
    const pid = Number(/program (\d+)\./.exec(run.text)![1]);
    expect(running(pid)).toBe(false);
  });

  test("a terminal's Ctrl-C reaches the program once, and the recording ends cleanly", async () => {
    if (spawnSync("script", ["--version"]).status !== 0)
      return void process.stderr.write("skipped: a terminal needs script (util-linux)\n");
    const quoted = [process.execPath, ...command(join(dir, "terminal"), program(false))];
    // exec: a shell that stayed would take the same Ctrl-C and end by it (dash does).
    const line = `exec ${quoted.map((word) => `'${word}'`).join(" ")}`;
    const run = new Heard(spawn("script", ["-qec", line, "/dev/null"], { stdio: "pipe" }));
    await run.said(/program \d+\./);
    await run.said(/ marks [1-9]/);
    run.child.stdin!.write("\x03");
    await run.said(/ended by interrupt, the program with code 5/);
    expect((await run.ended).code).toBe(5);
    expect(run.text).toMatch(/SIGINT 1\./);
    expect(run.text).not.toMatch(/SIGINT 2\./);
  });

  test("a disk full to the brim: told at once, the program goes on, the log is readable", async () => {
    const disk = join(dir, "disk");
    mkdirSync(disk);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=800m", "tmpfs", disk]).status !== 0)
      return void process.stderr.write("skipped: disk full needs the right to mount a tmpfs\n");
    try {
      const out = join(disk, "run");
      const fill = `
        const fs = require("fs"), fd = fs.openSync(${JSON.stringify(join(disk, "fill"))}, "w");
        setTimeout(() => { try { for (;;) fs.writeSync(fd, Buffer.alloc(1e6)); } catch {} }, 1500);
        setTimeout(() => console.error("work done."), 6000);`;
      const run = recording(out, fill, "--duration", "20s");
      await run.said(/recording ended early: .*; the program goes on unrecorded; Ctrl-C ends both/);
      expect(run.text).not.toMatch(/work done/);
      expect((await run.ended).code).toBe(1);
      expect(run.text).toMatch(/work done[^]*ended by failure[^]*not fused: .* GB free, it needs/);
      rmSync(join(disk, "fill"));
      const fused = spawnSync(process.execPath, [main, "fuse", out], { encoding: "utf8" });
      expect([fused.status, fused.stderr]).toEqual([
        3,
        expect.stringMatching(/ended early|without its footer/),
      ]);
    } finally {
      spawnSync("umount", ["-l", disk]);
    }
  });

  test("one that is not there: one line, exit 1, nothing made", async () => {
    const out = join(dir, "none");
    const args = [main, "record", "--rig", "virtual", "--quiet", "--out", out, "--", "/no/such"];
    const run = new Heard(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] }));
    expect((await run.ended).code).toBe(1);
    expect(run.text).toBe("truejoule: /no/such: no such program; check what stands after --\n");
    expect(existsSync(out)).toBe(false);
  });
});
