// The examples in the clients' READMEs run as they stand, and leave the marks that they show.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Collected, record } from "./collect.ts";
import { hasGcc, hasPython, HEADER_FOLDER, python, PYTHON_FOLDER, run } from "./programs.ts";

const example = (folder: string, language: string): string =>
  readFileSync(join(folder, "README.md"), "utf8").match(
    RegExp(`\`\`\`${language}\n(.*?)\n\`\`\``, "s"),
  )![1]!;

const shown = ({ marks }: Collected) => marks.map((m) => `${m.phase} ${m.name}`);

(hasPython ? test : test.skip)(
  `marks/python/README.md${hasPython ? "" : " (skipped: no python3)"}`,
  async () => {
    const sink = new Collected();
    const { result } = await record(sink, (env) => python(example(PYTHON_FOLDER, "python"), env));
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(shown(sink)).toEqual([
      "begin prefill",
      "end prefill",
      "instant first_token",
      "begin decode",
      "end decode",
      "begin step",
      "end step",
    ]);
    expect(sink.marks[1]!.fields).toMatchObject({ tokens: 28 });
  },
  60_000,
);

(hasGcc ? test : test.skip)(
  `marks/c/README.md${hasGcc ? "" : " (skipped: no gcc)"}`,
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "truejoule-readme-"));
    const path = join(dir, "program");
    writeFileSync(`${path}.c`, example(HEADER_FOLDER, "c"));
    const gcc = spawnSync("gcc", ["-I", HEADER_FOLDER, `${path}.c`, "-o", path, "-pthread"], {
      encoding: "utf8",
    });
    expect(gcc.stderr).toBe("");
    const sink = new Collected();
    const { result } = await record(sink, (env) => run(path, [], env));
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(shown(sink)).toEqual([
      "begin prefill",
      "instant first_token",
      "end prefill",
      "begin known afterwards",
      "end known afterwards",
    ]);
    rmSync(dir, { recursive: true });
  },
  60_000,
);
