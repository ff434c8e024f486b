// A file of ours is written beside its name and renamed over it: whatever stands under that name, and whoever
// writes it at the same time or was killed on the way, nothing else is touched and nothing is half there.

import { afterAll, beforeEach, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { besideName, isUnfinished, OwnFile, writeOwn } from "../../capture/own-file.ts";
import { siblingModule } from "../../host/sibling.ts";
import { onSmallDisk } from "./small-disk.ts";

const root = mkdtempSync(join(tmpdir(), "truejoule-own-"));
afterAll(() => rmSync(root, { recursive: true }));

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(root, "case-"));
  path = join(dir, "file.txt");
});
const errorOf = (work: () => void): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
};
const text = (p: string): string => readFileSync(p, "utf8");

test("C3: a symlink of that name is replaced, what it points to is not", () => {
  writeFileSync(join(dir, "precious"), "mine");
  symlinkSync(join(dir, "precious"), path);
  writeOwn(path, "ours");
  expect([text(join(dir, "precious")), text(path)]).toEqual(["mine", "ours"]);
});

test("a dangling symlink and one in a circle are replaced", () => {
  symlinkSync(join(dir, "nowhere"), path);
  writeOwn(path, "ours");
  symlinkSync(join(dir, "round"), join(dir, "round"));
  writeOwn(join(dir, "round"), "ours");
  expect([text(path), text(join(dir, "round"))]).toEqual(["ours", "ours"]);
  expect(readdirSync(dir).sort()).toEqual(["file.txt", "round"]);
});

test("the other names of a hard link keep their bytes", () => {
  writeFileSync(join(dir, "precious"), "mine");
  linkSync(join(dir, "precious"), path);
  writeOwn(path, "ours");
  expect([text(join(dir, "precious")), text(path)]).toEqual(["mine", "ours"]);
});

test("a folder of that name stays, and the error names it", () => {
  mkdirSync(path);
  expect(errorOf(() => writeOwn(path, "ours"))).toMatchObject({ path, code: "EISDIR" });
  expect(readdirSync(dir)).toEqual(["file.txt"]);
});

test("the old fixed name beside it means nothing", () => {
  symlinkSync(join(dir, "elsewhere"), `${path}.part`);
  writeOwn(path, "ours");
  expect(readdirSync(dir).sort()).toEqual(["file.txt", "file.txt.part"]);
});

test("until it is closed the old one is there; aborted, it leaves nothing", () => {
  writeFileSync(path, "old");
  const file = new OwnFile(path);
  file.write(Buffer.from("new"));
  expect(text(path)).toBe("old");
  file.abort();
  file.abort();
  expect([text(path), readdirSync(dir)]).toEqual(["old", ["file.txt"]]);
});

test("two writers at once: the last one's is there, whole", () => {
  const files = [new OwnFile(path), new OwnFile(path)];
  files.forEach((f, k) => f.write(Buffer.alloc(1 << 16, `${k}`)));
  files.forEach((f) => f.close());
  expect(text(path)).toBe("1".repeat(1 << 16));
  expect(readdirSync(dir)).toEqual(["file.txt"]);
});

test("fresh: a name that is taken, be it by a dangling symlink, is left alone", () => {
  symlinkSync(join(dir, "nowhere"), path);
  expect(errorOf(() => writeOwn(path, "ours", true))).toMatchObject({ code: "EEXIST" });
  expect(readdirSync(dir)).toEqual(["file.txt"]);
});

test("a name as long as names can be", () => {
  const long = join(dir, "ü".repeat(127));
  writeOwn(long, "ours");
  expect(readdirSync(dir)).toEqual(["ü".repeat(127)]);
});

test("what a killed writer left goes with the next one; a living writer's stays, and so do strangers'", async () => {
  const killed = await writerOf(path);
  const living = new OwnFile(path);
  living.write(Buffer.from("living"));
  const target = join(dir, "target");
  writeFileSync(target, "mine");
  symlinkSync(target, besideName(path));
  writeFileSync(`${besideName(path)}x`, "mine");
  mkdirSync(besideName(path));
  expect(readdirSync(dir).filter(isUnfinished)).toHaveLength(4);
  writeOwn(path, "while the other lives");
  expect(readdirSync(dir).filter(isUnfinished)).toHaveLength(4);
  killed.kill("SIGKILL");
  await new Promise((resolve) => killed.once("close", resolve));
  writeOwn(path, "next");
  expect(readdirSync(dir).filter(isUnfinished)).toHaveLength(3); // the living, the link, the folder
  living.close();
  expect([text(path), text(target)]).toEqual(["living", "mine"]);
});

/** A process that has the file half written. */
async function writerOf(of: string) {
  const { url, execArgv } = siblingModule(import.meta.url, "./half-writer");
  const child = spawn(process.execPath, ["--no-warnings", ...execArgv, url.pathname, of], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
}

onSmallDisk("a full disk: the error names the file, the old one stays, nothing is left", (disk) => {
  const file = join(disk, "file");
  writeOwn(file, "old");
  const bytes = Buffer.alloc(1 << 20);
  const error = errorOf(() => {
    const own = new OwnFile(file);
    for (let k = 0; k < 64; k++) own.write(bytes);
  });
  expect(error).toMatchObject({ code: "ENOSPC", path: file });
  expect([readdirSync(disk), text(file)]).toEqual([["file"], "old"]);
  expect(statSync(file).size).toBe(3);
});
