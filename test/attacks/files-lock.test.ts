// The lock of a run: writers alone, readers together, a killed holder blocks nobody, a recording is told.

import { afterAll, beforeEach, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogWriter } from "../../capture/log-writer.ts";
import { lockRun } from "../../capture/run-lock.ts";
import { siblingModule } from "../../host/sibling.ts";
import { flockByProgram, lockFolder } from "../../host/file-lock.ts";
import type { Session } from "../../schema/session.ts";
import { makeReadOnly, onSmallDisk } from "./small-disk.ts";

const root = mkdtempSync(join(tmpdir(), "truejoule-lock-"));
afterAll(() => rmSync(root, { recursive: true }));

let dir: string;
let told: string[];
beforeEach(() => {
  dir = mkdtempSync(join(root, "run-"));
  told = [];
});
const lock = (mode: "shared" | "exclusive", of = dir) =>
  lockRun(of, mode, (text) => void told.push(text));
const isFree = (mode: "shared" | "exclusive", of = dir): boolean => {
  const fd = lockFolder(of, mode);
  if (fd !== null) closeSync(fd);
  return fd !== null;
};

test("readers share, a writer waits for them and is told so once, and has it alone", async () => {
  const readers = [await lock("shared"), await lock("shared")];
  let writing = false;
  const writer = lock("exclusive").then((l) => ((writing = true), l));
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told).toEqual([`waiting for another truejoule that uses ${dir}`]);
  expect(writing).toBe(false);
  readers.forEach((l) => l.release());
  const held = await writer;
  expect([isFree("shared"), isFree("exclusive")]).toEqual([false, false]);
  held.release();
  held.release();
  expect(isFree("exclusive")).toBe(true);
  expect(told).toHaveLength(1);
});

test("by whatever name: a symlink to the folder, a trailing slash", async () => {
  const link = `${dir}-link`;
  symlinkSync(dir, link);
  const held = await lock("exclusive", `${link}/`);
  expect(isFree("shared")).toBe(false);
  held.release();
});

test("a killed holder blocks nobody", async () => {
  const { url, execArgv } = siblingModule(import.meta.url, "./lock-holder");
  const child = spawn(process.execPath, ["--no-warnings", ...execArgv, url.pathname, dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  expect(isFree("shared")).toBe(false);
  child.kill("SIGKILL");
  (await lock("exclusive")).release();
});

test("who waited gets the folder that has the name now", async () => {
  const held = await lock("exclusive");
  const waiting = lock("exclusive");
  await new Promise((resolve) => setTimeout(resolve, 100));
  renameSync(dir, `${dir}-old`);
  mkdirSync(dir);
  const other = await waiting;
  expect(isFree("shared")).toBe(false);
  expect(isFree("shared", `${dir}-old`)).toBe(false);
  other.release();
  held.release();
});

test("a log that is being written is told, to readers and writers, and not waited for", async () => {
  const session: Session = {
    id: "x",
    source: "virtual",
    hostClock: "monotonic",
    hostEpoch: 0n as Session["hostEpoch"],
    startUnix: null,
    software: "test",
    labels: {},
  };
  const log = new LogWriter(join(dir, "capture.mcap"), session);
  for (const mode of ["shared", "exclusive"] as const)
    await expect(lock(mode)).rejects.toThrow(/its log is being written by another truejoule/);
  log.close();
  (await lock("exclusive")).release();
});

test("without koffi: flock(1) takes the same lock", () => {
  const [mine, other] = [openSync(dir, "r"), openSync(dir, "r")];
  expect(flockByProgram(mine, "exclusive")).toBe(true);
  expect([isFree("shared"), flockByProgram(other, "shared")]).toEqual([false, false]);
  closeSync(mine);
  expect([flockByProgram(other, "shared"), isFree("shared"), isFree("exclusive")]).toEqual([
    true,
    true,
    false,
  ]);
  closeSync(other);
});

test("leaves no file", async () => {
  (await lock("exclusive")).release();
  expect(readdirSync(dir)).toEqual([]);
});

onSmallDisk("a read-only disk can be locked both ways", async (disk) => {
  makeReadOnly(disk);
  (await lock("exclusive", disk)).release();
  const held = await lock("shared", disk);
  expect([isFree("shared", disk), isFree("exclusive", disk)]).toEqual([true, false]);
  held.release();
});
