// The bring-up script, rehearsed on the emulated board; and its page, which calls nothing measured that was not.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { evidencePage, exitCode, type Finding } from "../hardware/bringup-page.ts";
import { inputs, type Streamed, trigger } from "../hardware/bringup-steps.ts";
import { Collector } from "../ingest/collect.ts";
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

describe("the steps", () => {
  const edged = (n: number): Streamed => {
    const sink = new Collector();
    for (let i = 0; i < n; i++) {
      const tick = BigInt(500 * i) as never;
      sink.edge({ stream: "main", tick, level: (i & 1) as 0 | 1 } as never);
    }
    return { sink, counts: { edgesLost: 0, edgesWrong: 0 } as never };
  };

  test("more edges than a call takes arguments are judged like few", () => {
    expect(trigger(edged(300_000), 1000)).toMatchObject({ verdict: "pass" });
  });

  test("no edges at all are a failure in plain words", () => {
    const f = trigger(edged(0), 1000);
    expect(f).toMatchObject({ verdict: "FAIL", seen: "0 edges, no whole period, 0 lost, 0 wrong" });
  });

  /** Rows of four 12-bit inputs, all alike. */
  const rows = (counts: readonly number[]): Collector => {
    const [a, b, c, d] = counts as [number, number, number, number];
    const row = [a & 255, (a >> 8) | ((b & 15) << 4), b >> 4];
    row.push(c & 255, (c >> 8) | ((d & 15) << 4), d >> 4);
    const sink = new Collector();
    const bytes = Uint8Array.from({ length: 6 * 64 }, (_, i) => row[i % 6]!);
    sink.rows({ stream: "main", rows: 64, bytes } as never);
    return sink;
  };

  test("grounded inputs of a Pico pass although its adc3 sees VSYS / 3", () => {
    const f = inputs(rows([3, 4, 5, 2070]), true);
    expect(f).toMatchObject({ verdict: "pass", seen: expect.stringContaining("adc3 2070.0") });
    expect(inputs(rows([3, 4, 1500, 0]), true).verdict).toBe("FAIL");
  });
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

test("a page that is already there, or cannot be, is told before anything is measured", async () => {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-bringup-"));
  try {
    const [page, nowhere] = [join(folder, "page.md"), join(folder, "no", "page.md")];
    writeFileSync(page, "seen by hand");
    for (const [out, why] of [
      [page, /is already there; choose another --out/],
      [nowhere, /ENOENT/],
    ] as const) {
      const { code, said } = await run("/dev/null", "--out", out);
      expect([code, said]).toEqual([1, expect.stringMatching(why)]);
    }
    expect(readFileSync(page, "utf8")).toBe("seen by hand");
    const free = join(folder, "free.md");
    expect((await run("/dev/null", "--out", free)).said).toMatch(/not a serial device/);
    expect(existsSync(free)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
