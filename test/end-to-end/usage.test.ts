// Every command as a new user gets it wrong: no argument, a flag that is not there, a run that is missing,
// empty, a file, or no capture. One line that says what and where, and the exit code of docs/reference.md.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Command, OptionValues } from "../../cli/command.ts";
import { call, type Outcome } from "./call.ts";
import { expectBuilt, truejoule } from "./built.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-usage-"));
  mkdirSync(join(dir, "empty"));
  writeFileSync(join(dir, "file"), "x");
  mkdirSync(join(dir, "torn"));
  writeFileSync(join(dir, "torn", "capture.mcap"), "not one");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const names = [
  ...readFileSync("cli/main.ts", "utf8").matchAll(/^ {2}"?([\w-]+)"?: \(\) => import/gm),
];
const load = async (name: string): Promise<Command> =>
  ((await import(`../../cli/${name}.ts`)) as { command: Command }).command;

const told = ({ error }: Outcome): string => {
  expect(error?.message).not.toContain("\n");
  return `${error?.tag}: ${error?.message}`;
};

test("there are commands to look at", () => expect(names.length).toBeGreaterThan(10));

test.each(names.map((m) => m[1]!))(
  "%s: every option is explained, and an example is",
  async (name) => {
    const { summary, help, options, optionHelp, usage } = await load(name);
    expect(summary).not.toBe("");
    expect(help.trim()).not.toBe("");
    const explained = optionHelp.map(([o]) => o).join(" ") + help + usage;
    for (const option of Object.keys(options)) expect(explained).toContain(`--${option}`);
  },
);

describe.each(["fuse", "compare", "report", "verify", "view"])("%s RUN", (name) => {
  test.each([
    [[], /^UsageError: .*one RUN/],
    [["a", "b"], /^UsageError: .*one RUN/],
    [
      ["missing"],
      /^InputError: .*missing: not a run \(no capture.mcap in it\); record or import makes one/,
    ],
    [["empty"], /^InputError: .*empty: not a run/],
    [["file"], /^InputError: .*file: not a run/],
    [["torn"], /^InputError: .*torn\/capture.mcap: not a capture log/],
  ])("%j", async (args, expected) => {
    const command = await load(name);
    const outcome = await call(
      command,
      args.map((a) => join(dir, a)),
    );
    expect(told(outcome)).toMatch(expected);
  });
});

test.each<[string, string[], OptionValues, RegExp]>([
  ["record", [], {}, /^UsageError: .*--out/],
  ["record", [], { out: "x" }, /^UsageError: .*--rig/],
  ["record", ["x"], { out: "x", rig: "virtual" }, /^UsageError/],
  [
    "record",
    [],
    { out: "x", rig: "virtual", duration: "banana" },
    /^UsageError: --duration banana/,
  ],
  ["record", [], { out: "x", rig: "virtual", seed: "banana" }, /^UsageError: --seed banana/],
  ["record", [], { out: "x", rig: "virtual", fault: ["boom@1"] }, /^UsageError: --fault boom@1/],
  [
    "record",
    [],
    { out: "x", rig: "virtual", port: "/dev/ttyACM0" },
    /^UsageError: --port is a real/,
  ],
  [
    "record",
    [],
    { out: "x", rig: "nonesuch" },
    /^InputError: no built-in rig "nonesuch"; there are/,
  ],
  [
    "record",
    [],
    { out: "x", rig: "./nonesuch" },
    /^InputError: \.\/nonesuch: no such file \(expected a rig file/,
  ],
  [
    "record",
    [],
    { out: "x", rig: "./rigs" },
    /^InputError: .*not a file \(expected a rig file.*found a folder\)/,
  ],
  ["record", [], { out: "package.json", rig: "virtual" }, /^InputError: package.json: a file, not/],
  ["record", [], { out: "rigs", rig: "virtual" }, /^InputError: rigs: already exists and is not/],
  ["demo", [], { out: "package.json" }, /^InputError: package.json: a file, not/],
  ["demo", [], { seed: "banana" }, /^UsageError: --seed banana/],
  ["live", [], {}, /^UsageError: .*--rig/],
  ["import", ["csv"], {}, /^UsageError: import takes FORMAT and SRC/],
  ["import", ["csv", "x"], {}, /^UsageError: import needs --out/],
  ["recover", ["x"], {}, /^UsageError: recover needs --out/],
  ["recover", ["missing"], { out: "x" }, /^InputError: missing: not a run/],
  ["export", ["x"], {}, /^UsageError: export needs one of --csv/],
  ["export", ["missing"], { csv: "x" }, /^InputError: missing: not a run/],
  ["bench", ["nonesuch"], {}, /^UsageError: no bench "nonesuch"; there are/],
])("%s %j %j", async (name, positionals, options, expected) => {
  expect(told(await call(await load(name), positionals, options))).toMatch(expected);
});

test("devices: a named port where nothing answers is exit 1", async () => {
  const command = await load("devices");
  const named = await call(command, [], { port: ["/dev/nonesuch"] });
  expect([named.code, named.printed.join()]).toEqual([1, expect.stringContaining("/dev/nonesuch")]);
});

describe("from the shell", () => {
  beforeAll(expectBuilt);

  test.each<[string[], number, RegExp]>([
    [
      ["nonesuch"],
      2,
      /^truejoule: no command "nonesuch"; try: truejoule --help lists the commands\n$/,
    ],
    [
      ["fuse", "--nonesuch"],
      2,
      /^truejoule: Unknown option '--nonesuch'; try: truejoule fuse --help\n$/,
    ],
    [["fuse"], 2, /^truejoule: fuse takes one RUN; try: truejoule fuse --help\n$/],
    [["help", "nonesuch"], 2, /^truejoule: no command "nonesuch"; try: truejoule --help/],
    [["fuse", "/nowhere"], 1, /^truejoule: \/nowhere: not a run \([^\n]*makes one\n$/],
    [
      ["record", "--rig", "virtual", "--out", "never-made", "--label", "batch"],
      2,
      /^truejoule: --label batch: expected k=v; try: truejoule record --help\n$/,
    ],
    [
      ["record", "--rig", "virtual", "--out", "never-made", "--duration", "-5s"],
      2,
      /^truejoule: Option '--duration' argument is ambiguous; try: truejoule record --help\n$/,
    ],
    [["record", "--rig"], 2, /^truejoule: [^\n]*argument missing; try: truejoule record --help\n$/],
  ])("%j", async (args, code, stderr) => {
    const ran = await truejoule(...args);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(stderr);
    expect(ran.stdout).toBe("");
    expect(existsSync("never-made")).toBe(false);
  });
});
