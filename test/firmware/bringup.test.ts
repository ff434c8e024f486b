// The bring-up script, rehearsed on the emulated board; and its page, which calls nothing measured that was not.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { evidencePage, exitCode, type Finding } from "../hardware/bringup-page.ts";
import { whyNot } from "./trial.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = [
  "--no-warnings",
  "--import",
  "./scripts/ts-register.mjs",
  "test/hardware/bringup.ts",
];

function run(...args: string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...script, ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr });
    });
  });
}

const finding = (verdict: Finding["verdict"]): Finding => ({
  step: "a | b",
  verdict,
  seen: "x",
  must: "y",
  means: "z",
});

describe("the evidence page", () => {
  const board = { model: "truejoule rp2040", serial: "E6", firmware: "0.1.0" };

  test("says measured of silicon alone", () => {
    const page = (platform: string): string =>
      evidencePage({ ...board, platform }, [finding("pass")], "2026-01-01");
    expect(page("silicon")).toMatch(/measured on silicon/);
    for (const platform of ["emulator", "program"]) {
      expect(page(platform)).toMatch(/^# Emulated .* nothing here was measured/);
      expect(page(platform)).not.toMatch(/measured on silicon/);
    }
    expect(page("silicon")).toContain("| a \\| b | pass |");
  });

  test("ends with 0 only when every step passed", () => {
    expect(exitCode([finding("pass"), finding("pass")])).toBe(0);
    expect(exitCode([finding("pass"), finding("not done")])).toBe(3);
    expect(exitCode([finding("not done"), finding("FAIL")])).toBe(1);
  });

  test.each([[[]], [["/dev/a", "/dev/b"]], [["--seconds", "no", "/dev/a"]], [["--what"]]])(
    "asks for its arguments: %j",
    async (args) => {
      const { code, said } = await run(...args);
      expect([code, said]).toEqual([2, expect.stringMatching(/^usage: /)]);
    },
    60_000,
  );
});

(whyNot ? test.skip : test)(
  `a rehearsal on the emulated board${whyNot ? ` (skipped: ${whyNot})` : ""}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "truejoule-bringup-"));
    try {
      const out = join(folder, "page.md");
      const { code, said } = await run("--emulated", "--seconds", "1", "--out", out);
      expect([code, said]).toEqual([3, expect.not.stringMatching(/FAIL/)]);
      const page = readFileSync(out, "utf8");
      expect(page).toMatch(/^# Emulated bring-up .* nothing here was measured/);
      expect(page.match(/\| pass \|/g)!.length).toBeGreaterThanOrEqual(6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  600_000,
);
