// The bring-up script, rehearsed on the emulated board; and its page, which calls nothing measured that was not.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { command as record } from "../../cli/record.ts";
import { sampleLayout } from "../../schema/wire/frame-records.ts";
import { evidencePage, exitCode, type Finding } from "../hardware/bringup-page.ts";
import { clock, inputs, type Streamed, trigger } from "../hardware/bringup-steps.ts";
import { PaceWatch } from "../hardware/pace.ts";
import { Watch } from "../hardware/watch.ts";
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

  test("names commands for what hands do, and they are commands", async () => {
    const page = evidencePage({ ...board, platform: "silicon" }, [], "2026-01-01");
    const commands = [...page.matchAll(/`(npm|npx) ([^`]+)`/g)].map((m) => m[2]!.split(" "));
    const folder = mkdtempSync(join(tmpdir(), "truejoule-bringup-"));
    let [bringups, records] = [0, 0];
    for (const [, name, ...args] of commands) {
      if (name === "firmware:bringup") {
        const there = args.slice(1).map((x) => x.replace("/dev/ttyACM0", "/dev/null"));
        const own = there.map((x) => (x.endsWith(".md") ? join(folder, x) : x));
        expect((await run(...own)).said).toMatch(/not a serial device/); // all but the device is there
        bringups++;
      } else if (name === "record") {
        parseArgs({ args, options: record.options, allowPositionals: false });
        records++;
      }
    }
    rmSync(folder, { recursive: true });
    expect([bringups, records]).toEqual([4, 2]);
  }, 60_000);

  test("ends with 0 only when every step passed", () => {
    expect(exitCode([finding("pass"), finding("pass")])).toBe(0);
    expect(exitCode([finding("pass"), finding("not done")])).toBe(3);
    expect(exitCode([finding("not done"), finding("FAIL")])).toBe(1);
  });

  test.each<[string[], string]>([
    [[], "expected the board's port"],
    [["/dev/a", "/dev/b"], "expected one port, found also /dev/b"],
    [["--emulated", "/dev/a"], "--emulated takes no port, found /dev/a"],
    [["--seconds", "no", "/dev/a"], '--seconds: expected a number above 0, found "no"'],
    [["--trigger-hz=-1", "/dev/a"], '--trigger-hz: expected 0 or more, found "-1"'],
    [["--what"], "Unknown option '--what'"],
  ])(
    "says which of its arguments is wrong, and what they are: %j",
    async (args, wrong) => {
      const { code, said } = await run(...args);
      expect([code, said.split("; usage: ")[0]]).toEqual([2, wrong]);
    },
    60_000,
  );
});

describe("the steps", () => {
  const edged = (n: number): Streamed => {
    const watch = new Watch(10);
    for (let i = 0; i < n; i++) {
      const tick = BigInt(500 * i) as never;
      watch.edge({ stream: "main", tick, level: (i & 1) as 0 | 1 } as never);
    }
    return { watch, counts: { edgesLost: 0, edgesWrong: 0 } as never };
  };

  test("more edges than a call takes arguments are judged like few", () => {
    expect(trigger(edged(300_000), 1000)).toMatchObject({ verdict: "pass" });
  });

  test("no edges at all are a failure in plain words", () => {
    const f = trigger(edged(0), 1000);
    expect(f).toMatchObject({ verdict: "FAIL", seen: "0 edges, no whole period, 0 lost, 0 wrong" });
  });

  /** Rows of four 12-bit inputs, all alike. */
  const layout = sampleLayout("main", 15, 12, []);
  const rows = (counts: readonly number[]): Watch => {
    const [a, b, c, d] = counts as [number, number, number, number];
    const row = [a & 255, (a >> 8) | ((b & 15) << 4), b >> 4];
    row.push(c & 255, (c >> 8) | ((d & 15) << 4), d >> 4);
    const watch = new Watch(10);
    watch.declareRows(layout);
    const bytes = Uint8Array.from({ length: 6 * 64 }, (_, i) => row[i % 6]!);
    watch.rows({ stream: "main", rows: 64, bytes } as never);
    return watch;
  };

  test("grounded inputs of a Pico pass although its adc3 sees VSYS / 3", () => {
    const f = inputs(rows([3, 4, 5, 2070]), true);
    expect(f).toMatchObject({ verdict: "pass", seen: expect.stringContaining("adc3 2070.0") });
    expect(inputs(rows([3, 4, 1500, 0]), true).verdict).toBe("FAIL");
  });

  test("every code of every input is counted", () => {
    const { codes } = rows([3, 4095, 512, 2070]);
    const seen = [...codes].map(([name, counts]) => [name, counts.findIndex((n) => n === 64)]);
    expect(seen).toEqual([
      ["adc0", 3],
      ["adc1", 4095],
      ["adc2", 512],
      ["adc3", 2070],
    ]);
  });

  /** A device of this pace, asked every 100 ms; the quickest answers take `tripUs`, most three times as long. */
  const paced = (ppm: number, seconds: number, tripUs = 300): ReturnType<typeof clock> => {
    const pace = new PaceWatch(seconds);
    for (let k = 0; k <= 10 * seconds; k++) {
      const sent = 7e15 + k * 1e8;
      const trip = 1000 * tripUs * (k % 5 === 3 ? 1 : 3);
      const read = sent + trip * (0.1 + 0.2 * (k % 5)); // somewhere between question and answer
      const tick = BigInt(Math.floor(((read - 6e15) * (1 + ppm * 1e-6)) / 1000));
      const stamps = { sent: BigInt(sent), received: BigInt(sent + trip) };
      pace.see({ stream: "main", ...stamps, deviceReceived: tick, deviceSent: tick } as never);
    }
    const found = pace.against(1e6);
    if (found) expect(Math.abs(found.ppm - ppm)).toBeLessThanOrEqual(found.boundPpm);
    return clock(found, 30, true);
  };

  test("a board at half pace fails, one of the Pico's crystal passes, a clone's is told apart", () => {
    expect(paced(-500_000, 60).verdict).toBe("FAIL");
    expect(paced(1e6, 60).verdict).toBe("FAIL");
    for (const ppm of [-29, 0, 29]) expect(paced(ppm, 60).verdict).toBe("pass");
    for (const ppm of [-80, 50])
      expect(paced(ppm, 60)).toMatchObject({
        verdict: "FAIL",
        means: expect.stringMatching(/± 100 ppm: a clone's crystal/),
      });
  });

  test("what the exchanges cannot tell is not judged, unless it is wrong all the same", () => {
    expect(paced(0, 2)).toMatchObject({
      verdict: "not done",
      seen: expect.stringMatching(/too coarse/),
    });
    expect(paced(-500_000, 2).verdict).toBe("FAIL");
    expect(clock(null, 30, true).verdict).toBe("not done");
    // An emulator's clock is not judged, however many exchanges a fast machine left time for.
    for (const pace of [null, { ppm: 5e5, boundPpm: 1, seconds: 9 }])
      expect(clock(pace, 30, false)).toMatchObject({
        verdict: "not done",
        seen: expect.stringMatching(/; an emulator has its own pace$/),
      });
  });

  test("a device that restarted is judged from there on", () => {
    const pace = new PaceWatch(8);
    const see = (seconds: number, tick: number): void => {
      const at = BigInt(seconds * 1e9);
      const ticks = { deviceReceived: BigInt(tick), deviceSent: BigInt(tick) };
      pace.see({ stream: "main", sent: at, received: at + 1000n, ...ticks } as never);
    };
    [0, 1, 2].forEach((s) => see(s, 1e6 * s));
    pace.restart();
    [3, 4, 5].forEach((s) => see(s, 1e6 * s + 77));
    expect(pace.against(1e6)).toMatchObject({ seconds: 2, ppm: expect.closeTo(0, 3) });
  });

  test("a long stream is watched in bounded memory", () => {
    const watch = new Watch(3600);
    watch.declareRows(layout);
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    const bytes = new Uint8Array(3072);
    const at = { stream: "main", hostBefore: null, hostAfter: null };
    for (let k = 0; k < 50_000; k++) {
      const tick = BigInt(5120 * k);
      watch.rows({ ...at, firstIndex: 512 * k, deviceTick: tick, rows: 512, flags: 0, bytes });
      for (let e = 0; e < 20; e++)
        watch.edge({
          line: "line0",
          stream: "main",
          tick: tick + BigInt(e),
          level: (e & 1) as 0 | 1,
        });
      const stamps = { sent: tick * 1000n, received: tick * 1000n + 9n };
      watch.exchange({
        stream: "main",
        ...stamps,
        deviceReceived: tick,
        deviceSent: tick,
      } as never);
    }
    expect([watch.rowCount, watch.edges.count]).toEqual([512 * 50_000, 1_000_000]);
    // The rows alone are 154 MB; garbage that is not collected yet is some.
    expect(used() - before).toBeLessThan(100e6);
  });
});

(whyNot ? test.skip : test)(
  `a rehearsal on the emulated board${whyNot ? ` (skipped: ${whyNot})` : ""}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "truejoule-bringup-"));
    try {
      const out = join(folder, "page.md");
      const { code, said } = await run("--emulated", "--seconds", "1", "--stamps", "--out", out);
      expect([code, said]).toEqual([3, expect.not.stringMatching(/FAIL/)]);
      const page = readFileSync(out, "utf8");
      expect(page).toMatch(/^# Emulated bring-up .* nothing here was measured/);
      expect(page.match(/\| pass \|/g)!.length).toBeGreaterThanOrEqual(6);
      expect(page).toMatch(
        /Clock against the host's \| not done \| .* an emulator has its own pace/,
      );
      const table = (what: string): string[][] =>
        readFileSync(join(folder, `page-${what}.csv`), "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => line.split(","));
      const [head, ...codes] = table("codes");
      expect(head).toEqual(["code", "adc0", "adc1", "adc2", "adc3"]);
      expect(codes.length).toBe(4096);
      const rows = codes.map(([, ...n]) => Number(n[0])).reduce((a, b) => a + b);
      expect(rows).toBe(Number(/(\d+) rows, 0 frames/.exec(page)![1]));
      expect(codes.filter(([, n]) => n !== "0").map(([code]) => code)).toEqual(["8", "9", "10"]);
      const edges = table("edges").slice(1);
      expect(edges.length).toBe(Number(/(\d+) edges, period/.exec(page)![1]));
      // A square wave of 100 Hz.
      expect(
        edges.slice(1).every(([t], i) => Math.abs(Number(t) - Number(edges[i]![0]) - 5000) <= 1),
      ).toBe(true);
      const readings = table("readings").slice(1);
      expect(new Set(readings.map(([stream]) => stream))).toEqual(
        new Set(["main.ina226-40", "main.ina226-41"]),
      );
      expect(readings.every(([, , bound]) => Number(bound) >= 64)).toBe(true);
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
    writeFileSync(join(folder, "other-codes.csv"), "counted before");
    const other = join(folder, "other.md");
    expect((await run("/dev/null", "--out", other)).said).toMatch(
      /other-codes.csv is already there/,
    );
    expect(existsSync(other)).toBe(false);
    const free = join(folder, "free.md");
    expect((await run("/dev/null", "--out", free)).said).toMatch(/not a serial device/);
    expect(readdirSync(folder).sort()).toEqual(["other-codes.csv", "page.md"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
