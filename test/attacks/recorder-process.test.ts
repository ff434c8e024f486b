// The recorder as a process whose terminal, children and life are taken from it. The built command on the
// virtual bench. Linux.

import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readCapture } from "../../capture/log-reader.ts";
import { openPty } from "../../virtual/daq/pty.ts";
import { expectBuilt, main, truejoule } from "../end-to-end/built.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;

let dir: string;
beforeAll(() => {
  expectBuilt();
  dir = mkdtempSync(join(tmpdir(), "truejoule-attack-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const args = (out: string, ...rest: string[]): string[] => [
  ...[main, "record", "--rig", "virtual", "--out", out, "--no-fuse", ...rest],
];

/** Started in a session of its own, so that no terminal of the tests is its. */
function start(out: string, ...rest: string[]): { child: ChildProcess; said: () => string } {
  let said = "";
  const child = spawn(process.execPath, args(out, ...rest), {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (b: Buffer) => (said += b.toString()));
  return { child, said: () => said };
}

const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(50);
}

const logBytes = (out: string): number =>
  existsSync(join(out, "capture.mcap")) ? readFileSync(join(out, "capture.mcap")).length : 0;

/** Its children whose command line holds this. */
const childrenOf = (pid: number, word: string): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((c) => c !== "" && readFileSync(`/proc/${c}/cmdline`, "utf8").includes(word))
    .map(Number);

function running(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

interface Doc {
  readonly ended: string;
  readonly rows: number;
  readonly lost_rows: number;
  readonly findings: readonly { readonly subject: string; readonly text: string }[];
}
const docOf = (text: string): Doc => JSON.parse(text.slice(text.indexOf("{\n"))) as Doc;

function rowsIn(out: string): number {
  let rows = 0;
  for (const r of readCapture(join(out, "capture.mcap")))
    if (r.kind === "rows") rows += r.block.rows;
  return rows;
}

onLinux("B2: the terminal goes", () => {
  test("stderr's reader has seen enough: the recording goes on to its end", async () => {
    const out = join(dir, "pipe");
    const { child } = start(out, "--duration", "2s");
    child.stderr!.destroy();
    child.stdout!.destroy();
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(3);
    const notes = [...readCapture(join(out, "capture.mcap"))].flatMap((r) =>
      r.kind === "note" ? [r.note.text] : [],
    );
    expect(notes.join("\n")).toMatch(/stderr: its reader has closed it \(EPIPE\)/);
  });

  test("a terminal that is gone: no SIGSEGV, no SIGABRT, exit 3", async () => {
    const out = join(dir, "tty");
    const pty = openPty();
    const fd = openSync(pty.path, "r+");
    const child = spawn(process.execPath, args(out, "--duration", "3s"), {
      stdio: ["ignore", fd, fd],
      detached: true,
    });
    closeSync(fd);
    const over = ended(child);
    await until(() => logBytes(out) > 0);
    pty.close();
    expect(await over).toBe(3);
    expect(rowsIn(out)).toBeGreaterThan(0);
  });

  test("SIGHUP: told, unattended to the end; SIGTERM ends it cleanly", async () => {
    const out = join(dir, "hup");
    const { child, said } = start(out, "--json");
    const over = ended(child);
    await until(() => logBytes(out) > 100_000);
    child.kill("SIGHUP");
    await until(() => said().includes("SIGHUP"));
    const then = logBytes(out);
    await until(() => logBytes(out) > then);
    child.kill("SIGTERM");
    expect(await over).toBe(3);
    const doc = docOf(said());
    expect([doc.ended, doc.findings.map((f) => f.subject)]).toEqual(["interrupt", ["terminal"]]);
    expect(rowsIn(out)).toBe(doc.rows);
  });
});

onLinux("C6: exit codes and failed starts", () => {
  test.each([
    ["false", [], 1],
    ["sh", ["-c", "exit 7"], 7],
    ["sh", ["-c", "kill -9 $$"], 137],
    ["true", [], 0],
  ] as const)("record -- %s %j: %d", async (name, rest, code) => {
    const out = join(dir, `exit-${code}`);
    const ran = await truejoule(...args(out, "--json", "--", name, ...rest).slice(1));
    expect(ran.code).toBe(code);
    expect((JSON.parse(ran.stdout) as { exit_code: number }).exit_code).toBe(code);
  });

  test("a program that cannot be started, a port that is none: no folder is left", async () => {
    const program = join(dir, "no-interpreter");
    writeFileSync(program, "#!/no/such/interpreter\n", { mode: 0o755 });
    const out = join(dir, "not-started");
    const ran = await truejoule(...args(out, "--", program).slice(1));
    expect([ran.code, existsSync(out)]).toEqual([1, false]);
    expect(ran.stderr).toMatch(/no-interpreter: cannot be started \(ENOENT\)/);
    const rig = join(main, "../../../rigs/example-ina226.yaml");
    const port = await truejoule("record", "--rig", rig, "--out", out, "--port", "/dev/null");
    expect([port.code, existsSync(out)]).toEqual([1, false]);
    const there = join(dir, "there");
    await truejoule("record", "--rig", rig, "--out", there, "--port", "/dev/null");
    expect(existsSync(there)).toBe(false);
  });

  test.each(["1000000h", "1e12h", "0s", "-1s"])("--duration %s: usage", async (text) => {
    const out = join(dir, "never");
    const ran = await truejoule("record", "--rig", "virtual", "--out", out, `--duration=${text}`);
    expect([ran.code, existsSync(out)]).toEqual([2, false]);
    expect(ran.stderr).toMatch(/--duration .*(longer than 100 years|expected a time)/);
  });
});

onLinux("killed", () => {
  test("the recorder: its children end, CMD goes on, the log has an account, the next start sweeps", async () => {
    const out = join(dir, "killed");
    const { child } = start(out, "--live", "--", "sleep", "600");
    await until(() => logBytes(out) > 200_000);
    await until(() => childrenOf(child.pid!, "sleep").length === 1);
    const [sleeper] = childrenOf(child.pid!, "sleep");
    const helpers = ["virtual/daq/main", "page-process"].flatMap((w) => childrenOf(child.pid!, w));
    expect(helpers).toHaveLength(2);
    const lines = (): string[] =>
      readdirSync(tmpdir()).filter((n) => n.startsWith("truejoule-line-"));
    const left = lines();
    child.kill("SIGKILL");
    await until(() => !helpers.some(running));
    expect(running(sleeper!)).toBe(true);
    process.kill(sleeper!);
    const verified = await truejoule("verify", out);
    expect(verified.code).toBe(3);
    expect(verified.stdout).toMatch(/without its footer/);
    const compared = await truejoule("compare", out);
    expect(compared.code).toBe(3);
    expect(compared.stderr).toMatch(/without its footer/);
    // A minute later, to the next one: what nobody holds goes.
    for (const name of left) utimesSync(join(tmpdir(), name), 0, 0);
    await truejoule(...args(join(dir, "next"), "--duration", "1s").slice(1));
    expect(lines().filter((n) => left.includes(n)).length).toBeLessThan(left.length);
  });

  test("the DAQ: what it would have sent to the end is lost rows, told", async () => {
    const out = join(dir, "daq-killed");
    const { child, said } = start(out, "--json", "--duration", "5s");
    const over = ended(child);
    await until(() => logBytes(out) > 100_000);
    process.kill(childrenOf(child.pid!, "virtual/daq/main")[0]!, "SIGKILL");
    expect(await over).toBe(3);
    const doc = docOf(said());
    expect([doc.ended, doc.rows]).toEqual(["duration", rowsIn(out)]);
    expect(doc.lost_rows).toBeGreaterThan(50_000);
    expect(doc.findings.map((f) => f.subject)).toEqual(["bench"]);
  });

  test("B1: the live page, or stopped: the recording goes on and says so", async () => {
    for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
      const out = join(dir, `page-${signal}`);
      const { child, said } = start(out, "--json", "--live", "--duration", "4s");
      const over = ended(child);
      await until(() => said().includes("live page: http"));
      process.kill(childrenOf(child.pid!, "page-process")[0]!, signal);
      expect(await over).toBe(signal === "SIGKILL" ? 3 : 0);
      const doc = docOf(said());
      expect([doc.ended, doc.rows, doc.lost_rows]).toEqual(["duration", rowsIn(out), 0]);
      const lost = { subject: "live page", text: expect.stringMatching(/SIGKILL.*goes on/) };
      expect(doc.findings).toMatchObject(signal === "SIGKILL" ? [lost] : []);
    }
  });
});
