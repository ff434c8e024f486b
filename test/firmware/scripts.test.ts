// The firmware's scripts as programs: help, and wrong usage that tries nothing, in one line each.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const root = fileURLToPath(new URL("../..", import.meta.url));
const hooks = ["--no-warnings", "--import", "./scripts/ts-register.mjs"];

function run(file: string, ...args: string[]): unknown[] {
  const program = file.endsWith(".mjs") ? [file] : [...hooks, file];
  const said = spawnSync(process.execPath, [...program, ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, PATH: "/nowhere", TRUEJOULE_HARDWARE: "" },
    timeout: 30_000,
  });
  return [said.status, said.stdout, said.stderr];
}

const oneLine = (text: RegExp): unknown => expect.stringMatching(RegExp(`^${text.source}.*\n$`));

test.each([
  "firmware/image.ts",
  "firmware/fuzz.ts",
  "firmware/demo.ts",
  "test/hardware/bringup.ts",
])(
  "%s --help is help, and nothing is built",
  (file) => expect(run(file, "--help")).toEqual([0, oneLine(/usage: npm run firmware/), ""]),
  60_000,
);

test.each([
  ["firmware/image.ts", "--single_in"] as [string, ...string[]],
  ["firmware/demo.ts", "--nope"],
  ["firmware/image.ts", "a", "b"],
  ["firmware/fuzz.ts", "100M"],
  ["firmware/fuzz.ts", "-5"],
  ["firmware/fuzz.ts", "0"],
  ["firmware/demo.ts", "--seconds", "ten"],
  ["firmware/demo.ts", "extra"],
  ["test/hardware/bringup.ts", "--nope"],
  ["test/hardware/bringup.ts", "/dev/nope", "--seconds", "abc"],
])(
  "wrong usage is refused, and the wrong word named: %s %s",
  (...all) => {
    const line = RegExp(`.*${all.at(-1)}['"]?; usage: npm run firmware`);
    expect(run(...all)).toEqual([2, "", oneLine(line)]);
  },
  60_000,
);

test("test:hardware without a port is wrong usage", () => {
  const said = run("scripts/test-hardware.mjs", "--help");
  expect(said).toEqual([2, "", oneLine(/usage: npm run test:hardware/)]);
}, 60_000);

test.each(["firmware/image.ts", "firmware/fuzz.ts", "firmware/demo.ts"])(
  "%s without its compiler names the remedy, without a stack",
  (file) => expect(run(file)).toEqual([1, "", oneLine(/\S+ is not installed; apt-get install/)]),
  60_000,
);

test.each([
  "firmware/image.ts",
  "firmware/fuzz.ts",
  "firmware/demo.ts",
  "test/hardware/bringup.ts",
])(
  "%s -h is help too",
  (file) => expect(run(file, "-h")).toEqual([0, oneLine(/usage: npm run firmware/), ""]),
  60_000,
);

test("bring-up with a page that cannot be made says so in one line", () => {
  const said = run("test/hardware/bringup.ts", "/dev/nope", "--out", "/nowhere/page.md");
  const line = /\/nowhere\/page.md cannot be made \(ENOENT\); choose another --out/;
  expect(said).toEqual([1, "", oneLine(line)]);
}, 60_000);

test.each(["/dev/nope", "/dev/null"])(
  "test:hardware at %s says in one line why it cannot",
  (port) => {
    const said = run("scripts/test-hardware.mjs", port);
    expect(said).toEqual([1, "", oneLine(RegExp(`test:hardware: ${port}: `))]);
  },
  60_000,
);
