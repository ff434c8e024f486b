// Exit codes and output where the reader, the disk, the rights or a file are not there. The built command on a run
// of the virtual bench.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { FileBytes } from "../../capture/file-bytes.ts";
import { openRun, runPaths } from "../../capture/run.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { expectBuilt, main, truejoule } from "../end-to-end/built.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;

let dir: string;
let run: string;
/** Its log ends early. */
let cut: string;

beforeAll(async () => {
  expectBuilt();
  dir = mkdtempSync(join(tmpdir(), "truejoule-status-"));
  run = join(dir, "run");
  cut = join(dir, "cut");
  await writeVirtualCapture(run, { seed: 1, durationS: 2 });
  fuseRun(runPaths(run));
  cpSync(run, cut, { recursive: true });
  truncateSync(runPaths(cut).capture, 3e5);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** In a shell, where $T is the command. */
function shell(line: string, env: NodeJS.ProcessEnv = {}): { code: number | null; said: string } {
  const ran = spawnSync("bash", ["-c", `T() { "$NODE" "$MAIN" "$@"; }; ${line}`], {
    encoding: "utf8",
    cwd: dir,
    env: { ...process.env, NODE: process.execPath, MAIN: main, ...env },
  });
  return { code: ran.status, said: ran.stderr };
}

onLinux("output", () => {
  const NOBODY = "| (exec <&-; sleep 0.2; true)";

  test.each([
    ["verify cut", 3],
    ["verify cut --json", 3],
    ["compare cut", 3],
    ["compare none", 1],
    ["verify --no-such", 2],
    ["--help", 0],
  ])("D3: %s whose reader is gone or leaves ends with its own code, %d", (args, code) => {
    for (const reader of [NOBODY, "| head -1 >/dev/null", "| cat >/dev/null"])
      expect([reader, shell(`set -o pipefail; T ${args} ${reader}`).code]).toEqual([reader, code]);
  });

  test("D3: view ends where nobody read its address", () => {
    expect(shell(`set -o pipefail; T view run ${NOBODY}`).code).toBe(0);
    expect(shell("T view run >/dev/full").code).toBe(1);
  });

  test.each([
    "--help",
    "--version",
    "verify --help",
    "verify run",
    "verify cut --json",
    "compare run",
    "compare run --json",
    "compare cut --json",
    "fuse run --json",
    "report run --json",
    "export run --csv out.csv --force --json",
    "devices --json",
  ])("D3: %s on a full device is a failure, told once", (args) => {
    const { code, said } = shell(`T ${args} >/dev/full`);
    const told = said.split("\n").filter((l) => l.includes("stdout"));
    expect(told).toEqual(["truejoule: stdout: no space left (ENOSPC); the output is incomplete"]);
    expect([code, said]).toEqual([1, said]);
  });

  test("D3: usage errors keep their code", () => {
    expect(shell("T >/dev/full").code).toBe(2);
  });

  test("D3: a write that the disk cut short is no whole one", () => {
    // A limit on files is a disk that is full in the middle of a write.
    const { code, said } = shell("cd /; ulimit -f 4; T verify --help >/dev/null; T --help > $OUT", {
      OUT: join(dir, "short"),
    });
    expect([code, said]).toEqual([0, ""]); // it fits
    const json = shell("trap '' XFSZ; ulimit -f 1; T verify run --json > $OUT", {
      OUT: join(dir, "short"),
    });
    expect(readFileSync(join(dir, "short"))).toHaveLength(1024);
    expect(json.said).toMatch(/stdout: no space left \(EFBIG\); the output is incomplete/);
    expect(json.code).toBe(1);
  });

  test("D3: a recording goes on to its end, with exit 3 or its program's code", () => {
    const record = "T record --rig virtual --duration 1s --no-fuse --json --quiet";
    const plain = shell(`${record} --out full >/dev/full`);
    expect(plain.said).toMatch(/stdout: no space left \(ENOSPC\); the output is incomplete/);
    expect(plain.code).toBe(3);
    expect(shell(`${record} --out seven -- sh -c "exit 7" >/dev/full`).code).toBe(7);
    for (const made of ["full", "seven"]) expect(shell(`T verify ${made}`).code).toBe(0);
  }, 60_000);
});

onLinux("rights", () => {
  /** As a user who may not look into the folder. */
  function asOther<T>(work: () => T): T {
    if (process.geteuid!() !== 0) return work();
    process.seteuid!(65534);
    try {
      return work();
    } finally {
      process.seteuid!(0);
    }
  }

  test("D3: a folder that may not be looked into is not called empty", () => {
    const closed = join(dir, "closed");
    cpSync(run, closed, { recursive: true });
    chmodSync(dir, 0o755);
    chmodSync(closed, process.geteuid!() === 0 ? 0o700 : 0);
    try {
      expect(() => asOther(() => openRun(closed))).toThrow(/closed\S*: permission denied/);
      expect(() => asOther(() => new FileBytes(join(closed, "capture.mcap")))).toThrow(
        /capture\.mcap: not readable: change its permissions/,
      );
    } finally {
      chmodSync(closed, 0o700);
    }
    for (const none of [join(dir, "none"), join(run, "compare.json", "x")])
      expect(() => openRun(none)).toThrow(`${none}: not a run (no capture.mcap in it)`);
  });
});

test("D3: each derived file that SHA256SUMS lists and that is gone is named, as a spoiled one", async () => {
  await truejoule("report", run);
  const derived = readdirSync(run).filter((f) => f !== "capture.mcap" && f !== "SHA256SUMS");
  expect(derived).toContain("report.html");
  const away = join(dir, "away");
  for (const name of derived) {
    copyFileSync(join(run, name), away);
    rmSync(join(run, name));
    const [text, json] = [await truejoule("verify", run), await truejoule("verify", run, "--json")];
    const command = name === "report.html" ? "report" : "fuse";
    const problem = `noted in SHA256SUMS, not there; truejoule ${command} writes it again`;
    expect(text.stdout).toMatch(new RegExp(`${name} +problem: ${problem}`));
    const { files, verdict } = JSON.parse(json.stdout) as { files: object[]; verdict: string };
    expect(files).toContainEqual({ path: name, ok: false, rows: null, problem });
    expect([verdict, text.code, json.code]).toEqual(["degraded", 3, 3]);
    copyFileSync(away, join(run, name));
  }
  expect((await truejoule("verify", run)).code).toBe(0);
  rmSync(join(run, "compare.json"));
  await truejoule("fuse", run);
  expect(existsSync(join(run, "compare.json"))).toBe(true);
  expect((await truejoule("verify", run)).code).toBe(0);
}, 60_000);

onLinux("TMPDIR", () => {
  test("D3: a folder for temporary files that cannot be used is told by its variable", () => {
    const record = "T record --rig virtual --duration 1s --out tmp";
    for (const [name, path, what] of [
      ["TMPDIR", "/nope/x", "no such folder"],
      ["TMPDIR", join(run, "SHA256SUMS"), "not a folder"],
      ["TMP", "/nope/y", "no such folder"],
    ] as const) {
      const { code, said } = shell(record, { TMPDIR: "", TMP: "", TEMP: "", [name]: path });
      expect(said).toContain(`truejoule: ${name}=${path}: ${what}`);
      expect(code).toBe(1);
      expect(existsSync(join(dir, "tmp"))).toBe(false);
    }
    expect(shell("T bench log", { TMPDIR: "/nope/x" }).said).toContain("TMPDIR=/nope/x");
  });
});
