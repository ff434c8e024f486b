// Telemetry that is too long for memory: every file is the same to the byte, and the file that its reads lie in is
// gone however the program ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { NumberPages } from "../../capture/number-pages.ts";
import { runPaths, type RunPaths } from "../../capture/run.ts";
import { command as importCommand } from "../../cli/import.ts";
import { fuse } from "../../dataset/fuse.ts";
import { prepare } from "../../energy/compare.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { call } from "../end-to-end/commands.ts";
import { onSmallDisk } from "./small-disk.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-telemetry-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What is made of a run while so many numbers are in memory, file by file. */
function made(paths: RunPaths, pages: NumberPages): Map<string, Buffer> {
  fuse(paths, prepare(paths.capture, undefined, pages));
  const files = [paths.compare, paths.align, paths.telemetry, paths.fused, paths.events];
  return new Map(files.map((f) => [f, readFileSync(f)]));
}

function expectSame(paths: RunPaths): void {
  const all = made(paths, new NumberPages());
  for (const [inMemory, size] of [
    [0, 16],
    [64, 4],
  ] as const) {
    const some = made(paths, new NumberPages(inMemory, size));
    for (const [file, bytes] of all)
      expect([file, some.get(file)!.equals(bytes)]).toEqual([file, true]);
  }
}

describe("each file is the same to the byte, however few reads are in memory", () => {
  test.each([
    ["whole", {}],
    ["with failed reads and lost blocks", { lostBlocks: 0.002, failedReads: 0.05 }],
  ])("of a virtual run, %s", async (_, faults) => {
    await writeVirtualCapture(join(dir, "run"), { seed: 2, durationS: 2, faults });
    expectSame(runPaths(join(dir, "run")));
  });

  const traces = process.env["TRUEJOULE_TRACES"];
  (traces ? test : test.skip)("of a capture of another tool (TRUEJOULE_TRACES)", async () => {
    const out = join(dir, "run");
    const source = join(traces!, "yang-pmd/5050/3090");
    await call(importCommand, ["yang-pmd", source], { out, tz: "Europe/London" });
    expectSame(runPaths(out));
  });
});

/** A process of its own, with its own folder for temporary files; `script` may use what is named here. */
function start(folder: string, script: string): ChildProcess {
  const built = (path: string): string =>
    JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);
  const imports = `
    const { NumberPages } = await import(${built("capture/number-pages.js")});
    const { ReadColumn } = await import(${built("align/read-column.js")});
    const say = (text) => process.stdout.write(text + "\\n");`;
  return spawn(process.execPath, ["--input-type=module", "-e", imports + script], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** A column none of whose full pages is in memory, and what is said of it. */
const FILLED = `
  const column = new ReadColumn(new NumberPages(0, 512));
  try {
    for (let i = 0; i < 1e6; i++) column.push(i);
    say(String(column.at(1000)));
  } catch (error) {
    say(error.name + ": " + error.message);
  }`;

async function said(child: ChildProcess): Promise<string> {
  const [bytes] = (await once(child.stdout!, "data")) as [Buffer];
  return bytes.toString();
}

describe("the file of reads", () => {
  test.each([
    ["ends", ""],
    ["fails", "throw new Error('no');"],
    ["ends at once", "process.exit(3);"],
    ["is killed", "setInterval(() => 0, 1000);"],
  ])("leaves nothing behind when the program %s", async (how, then) => {
    const folder = join(dir, "tmp");
    mkdirSync(folder);
    const child = start(folder, FILLED + then);
    const ended = once(child, "exit");
    expect(await said(child)).toBe("1000\n");
    if (how === "is killed") {
      expect(readdirSync(folder)).toEqual([]);
      child.kill("SIGKILL");
    }
    await ended;
    expect(readdirSync(folder)).toEqual([]);
  });

  test("cannot be made in a folder that is missing: the line names the variable", async () => {
    expect(await said(start(join(dir, "nowhere"), FILLED))).toMatch(
      /^InputError: TMPDIR=.*nowhere: no such folder \(ENOENT\).*TMPDIR must name/,
    );
  });

  test("is not made where memory is enough", async () => {
    const few = FILLED.replace("new NumberPages(0, 512)", "");
    expect(await said(start(join(dir, "nowhere"), few))).toBe("1000\n");
  });

  onSmallDisk("that fills the disk is told in one line, with the remedy", async (disk) => {
    expect(await said(start(disk, FILLED))).toMatch(
      /^InputError: .*no room left \(ENOSPC\).*too many for memory.*TMPDIR may name a folder with more room/,
    );
    expect(readdirSync(disk)).toEqual([]);
  });
});
