// Folded kernels in the report: what is drawn, what is not, and what is said instead.

import { describe, expect, jest, test } from "@jest/globals";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { fileSha256 } from "../../capture/sha256.ts";
import type { RunPaths } from "../../capture/run.ts";
import { ArrowFile } from "../../dataset/arrow-file.ts";
import { noteChecksums } from "../../dataset/checksums.ts";
import { nullable } from "../../dataset/events.ts";
import { foldedColumns } from "../../schema/tables.ts";
import { writeReport } from "../../view/report.ts";
import { synthetic } from "./report-run.ts";

jest.setTimeout(30_000);

const HOSTILE = `void k<float>(</svg><script>x</script>)`;
const STEP_NS = 2000;
/** As synthetic.ts has it in fused.arrow. */
const CAPTURE = "cd".repeat(32);
const NAMES = [HOSTILE, "b", "c", "d"];

/** 0, 10, 20, … W with ± 4 W, the step at index 3 empty. */
const powerW = Array.from({ length: 10 }, (_, i) => (i === 3 ? null : 10 * i));
const halfW = powerW.map((w) => (w === null ? null : 4));

const about = (change: object = {}): string =>
  JSON.stringify({
    kernels: NAMES.map((kernel) => ({
      ...{ kernel, launches: 1000, crowded_fraction: 0, duration_ns: 12_000 },
      ...{ duration_p5_p95_ns: [11_900, 12_100], step_ns: STEP_NS, steps: 10, empty_steps: 1 },
      ...{ phase_u_ns: 300, sensor_rise_ns: null, step_response_ns: null },
      shorter_than_response: false,
      ...change,
    })),
    warnings: ["b: 1 of 10 steps are empty"],
  });

function writeFolds(path: string, captureSha256: string, fold = about()): void {
  const file = new ArrowFile(path, foldedColumns(["a", "b"]), {
    "truejoule.schema": "folded/1",
    "truejoule.fold": fold,
    capture_sha256: captureSha256,
  });
  const watts = (values: (number | null)[]) => nullable(values, Float64Array);
  for (const name of NAMES)
    file.write(10, [
      { data: Array<string>(10).fill(name) },
      { data: Float64Array.from({ length: 10 }, (_, i) => (i - 2 + 0.5) * STEP_NS) },
      { data: Int32Array.from(powerW, (w) => (w === null ? 0 : 30)) },
      ...[watts(powerW), watts(halfW), watts(powerW), watts(powerW)],
    ]);
  file.close();
}

async function pageOf(run: RunPaths): Promise<string> {
  await writeReport(run);
  return readFileSync(run.report, "utf8").replace(/\s+/g, " ");
}

const figures = (page: string): string[] => page.match(/<svg class="waveform"[^]*?<\/svg>/g) ?? [];

/** The corners of a drawn line, each stretch by itself. */
const stretches = (figure: string, kind: string): number[][][] =>
  new RegExp(`<path class="${kind}" d="([^"]*)"`)
    .exec(figure)![1]!
    .split("M")
    .slice(1)
    .map((s) =>
      s
        .replace("Z", "")
        .split("L")
        .map((p) => p.split(" ").map(Number)),
    );

describe("folded kernels", () => {
  test("each is drawn with its band and units; an empty step is a hole", async () => {
    const run = synthetic({ source: "hardware" });
    writeFolds(run.folded, CAPTURE);
    const page = await pageOf(run);
    const [first, ...others] = figures(page);
    expect(others).toHaveLength(3);
    expect(page.match(/<details> <summary><code>d</g)).toHaveLength(1);
    const mean = stretches(first!, "mean");
    expect(mean.map((s) => s.length)).toEqual([3, 6]);
    const heights = mean.flat().map(([, y]) => y!);
    const perWatt = (heights[0]! - heights.at(-1)!) / 90;
    expect(heights[1]! - heights[2]!).toBeCloseTo(10 * perWatt, 0);
    const [band] = stretches(first!, "band");
    expect(band!.at(-1)![1]! - band![0]![1]!).toBeCloseTo(8 * perWatt, 0); // ± 4 W
    expect(first).toMatch(/>50 W</);
    expect(first).toMatch(/>10 µs</);
    expect(first).toMatch(/class="stamp"[^>]*>hardware</);
    const said = ["1 of 10 empty", "1 000", "90.0 ± 4.0 W at 15.0 µs", "steps are empty"];
    expect(said.filter((words) => !page.includes(words))).toEqual([]);
    expect(page.includes("<script>x")).toBe(false);
  });

  test("a simulated one says so on the picture itself", async () => {
    const run = synthetic({ source: "virtual" });
    writeFolds(run.folded, CAPTURE);
    for (const figure of figures(await pageOf(run))) expect(figure).toContain(">SIMULATED<");
  });

  test("of another capture, or spoiled: not drawn, and how to make them again", async () => {
    const run = synthetic();
    writeFolds(run.folded, "0".repeat(64));
    const foreign = await pageOf(run);
    expect(figures(foreign)).toEqual([]);
    expect(/made from another capture; truejoule fold writes it again/.test(foreign)).toBe(true);
    writeFolds(run.folded, CAPTURE);
    noteChecksums(run, [[run.folded, fileSha256(run.folded)]]);
    const bytes = readFileSync(run.folded);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(run.folded, bytes);
    const spoiled = await pageOf(run);
    expect(figures(spoiled)).toEqual([]);
    expect(/not as it was written.{0,30}truejoule fold writes it again/.test(spoiled)).toBe(true);
    rmSync(run.checksums);
    truncateSync(run.folded, 500);
    await expect(writeReport(run)).rejects.toThrow(/cut at byte 500.*|truejoule fold writes/);
  });

  test.each([
    [
      "a text for a number",
      about({ launches: "7" }),
      "kernels[0].launches: expected a whole number from 0",
    ],
    ["no span", about({ duration_p5_p95_ns: [1] }), "kernels[0].duration_p5_p95_ns[1]: expected a"],
    ["no kernels", "{}", "kernels: expected a list, found nothing"],
    ["no JSON", "{", "not JSON"],
  ])("metadata with %s: not drawn, the place and how to make it again", async (_, fold, said) => {
    const run = synthetic();
    writeFolds(run.folded, CAPTURE, fold);
    const page = await pageOf(run);
    expect(figures(page)).toEqual([]);
    expect(/truejoule\.fold: (.*?); truejoule fold writes it again/.exec(page)?.[1]).toContain(
      said,
    );
  });

  test("kernels that nobody folded: how to; no kernels: nothing", async () => {
    const run = synthetic();
    expect((await pageOf(run)).includes('id="folds"')).toBe(false);
    const compared = JSON.parse(readFileSync(run.compare, "utf8")) as object;
    const launches = { launches: 3, launches_without_kernel: 0, launches_captured: 0 };
    const kernels = {
      count: 3,
      ...launches,
      without_bounds: 0,
      before_their_launch: 0,
      by_name: [],
    };
    writeFileSync(run.compare, JSON.stringify({ ...compared, kernels }));
    expect(/<code>truejoule fold [^<]+<\/code>/.test(await pageOf(run))).toBe(true);
  });
});
