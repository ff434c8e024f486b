// The page as a file: what a stranger's text can do to it, what it loads, what it says, how it fails.

import { describe, expect, jest, test } from "@jest/globals";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runPaths } from "../../capture/run.ts";
import { escape, html, jsonForScript } from "../../view/html.ts";
import { percent, quantity, share, uncertain } from "../../view/format.ts";
import { writeReport } from "../../view/report.ts";
import { made, synthetic } from "./report-run.ts";
import type { SyntheticOptions } from "./synthetic.ts";

const HOSTILE = `</script><script>globalThis.pwned=1</script><img src=x onerror="pwned=1">'"&\u202e<!--`;

jest.setTimeout(30_000); // a loaded machine is slow, not wrong

/** One report per set of options: most tests only read it. */
const reports = new Map<string, string>();

async function reportOf(options: SyntheticOptions = {}): Promise<string> {
  const key = JSON.stringify(options);
  const known = reports.get(key);
  if (known) return known;
  const run = synthetic(options);
  await writeReport(run);
  const text = readFileSync(run.report, "utf8");
  reports.set(key, text);
  return text;
}

/** Which of `words` a page lacks: a failure that does not print two megabytes. */
function lacking(page: string, words: readonly string[]): string[] {
  const text = page.replace(/\s+/g, " ");
  return words.filter((w) => !text.includes(w));
}

describe("strangers' text", () => {
  test("stays text in HTML", () => {
    expect(html`<p title="${HOSTILE}">${[HOSTILE]}</p>`.html).not.toMatch(/<(script|img)/);
    expect(escape(HOSTILE)).not.toMatch(/[<>"'\u202e]/);
  });

  test("cannot end the data element, and survives it", () => {
    const text = jsonForScript({ a: HOSTILE }).html;
    expect(text).not.toMatch(/[<>&]/);
    expect(JSON.parse(text)).toEqual({ a: HOSTILE });
  });

  test("in names, labels and warnings makes no element of its own", async () => {
    const page = await reportOf({ label: HOSTILE });
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toContain("<img");
    expect(lacking(page, ["&lt;script&gt;globalThis.pwned=1"])).toEqual([]);
  });
});

describe("self-contained", () => {
  test("nothing is loaded from anywhere", async () => {
    const page = await reportOf();
    expect(page).not.toMatch(/\b(?:src|href)\s*=\s*["']?(?!data:)[a-z]+:/i);
    expect(page).not.toMatch(/@import|url\(\s*["']?(?!data:)/i);
    expect(page).not.toMatch(
      /\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\(/,
    );
    expect(page.match(/https?:\/\/[^\s"'<)]*/g) ?? []).toEqual(
      (page.match(/https?:\/\/[^\s"'<)]*/g) ?? []).filter((url) =>
        url.includes("github.com/leeoniya/uPlot"),
      ),
    );
  });

  test("its policy allows exactly its own script and style", async () => {
    const page = await reportOf();
    const policy = /Content-Security-Policy"\s+content="([^"]*)"/
      .exec(page)![1]!
      .replaceAll("&#39;", "'");
    const hash = (text: string): string => createHash("sha256").update(text).digest("base64");
    const script = /<script>(.*?)<\/script>/s.exec(page)![1]!;
    const style = /<style>(.*?)<\/style>/s.exec(page)![1]!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src 'sha256-${hash(script)}'`);
    expect(policy).toContain(`style-src 'sha256-${hash(style)}'`);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(page).not.toMatch(/\son\w+=|\sstyle=/); // inline handlers and styles would be refused
  });

  test("carries uPlot's licence", async () =>
    expect(await reportOf()).toContain("Copyright (c) 2022 Leon Sorokin"));

  test("the same run gives the same bytes", async () => {
    const run = synthetic();
    await writeReport(run);
    const first = readFileSync(run.report);
    await writeReport(run);
    expect(readFileSync(run.report).equals(first)).toBe(true);
  });

  test("many windows, channels and reads stay under 5 MB", async () => {
    const run = synthetic({ rowHz: 5000, windows: 3000, channels: 12 });
    await writeReport(run);
    expect(statSync(run.report).size).toBeLessThan(5e6);
  });
});

describe("what it says", () => {
  test.each([
    ["virtual", "Virtual bench: simulated"],
    ["emulated", "Emulated device: simulated"],
    ["hardware", "Measured on hardware"],
    ["imported", "Imported capture"],
  ])("source %s", async (source, words) => {
    const page = await reportOf({ source });
    expect(lacking(page, [words])).toEqual([]);
    const simulated = source === "virtual" || source === "emulated";
    expect(page.includes("simulated rails took")).toBe(simulated);
    expect(page.includes('class="banner simulated"')).toBe(simulated);
    expect(page.includes('"simulated":true')).toBe(simulated);
  });

  test("energy, gap, clipping, failed reads, missing edges, hashes", async () => {
    const wanted = [
      "1 gap in the trace, 500 ms in all",
      "1 row of",
      "clipped",
      "1 of 61 reads failed",
      "1 edge expected but not seen",
      "ab".repeat(32),
      "cd".repeat(32),
    ];
    expect(lacking(await reportOf({ gap: [1.2, 1.7] }), wanted)).toEqual([]);
  });

  test("a window that was only partly observed is not compared in silence", async () => {
    const run = synthetic();
    const document = JSON.parse(readFileSync(run.compare, "utf8")) as {
      windows: { physical: { gap_fraction: number } }[];
    };
    for (const w of document.windows) w.physical.gap_fraction = 0.377;
    writeFileSync(run.compare, JSON.stringify(document));
    await writeReport(run);
    const words = "Only 62.3 % of the window was observed";
    expect(lacking(readFileSync(run.report, "utf8"), [words])).toEqual([]);
    expect(lacking(await reportOf(), [words])).toEqual([words]);
  });

  test("a U that its terms do not make is said to be so", async () => {
    const run = synthetic();
    const document = JSON.parse(readFileSync(run.compare, "utf8")) as {
      windows: { physical: { expanded_uncertainty_j: number } }[];
    };
    for (const w of document.windows) w.physical.expanded_uncertainty_j *= 1.5;
    writeFileSync(run.compare, JSON.stringify(document));
    await writeReport(run);
    expect(readFileSync(run.report, "utf8")).toContain("not the quadrature sum of its terms");
    expect(await reportOf()).not.toContain("not the quadrature sum of its terms");
  });
});

describe("what is missing or broken", () => {
  test("a run without a physical trace: every claim is void", async () => {
    const run = synthetic();
    const document = JSON.parse(readFileSync(run.compare, "utf8")) as { windows: object[] };
    document.windows = document.windows.map((w) => ({ ...w, physical: null }));
    writeFileSync(run.compare, JSON.stringify(document));
    rmSync(run.fused);
    await writeReport(run);
    const page = readFileSync(run.report, "utf8");
    expect(lacking(page, ["No physical trace in this run."])).toEqual([]);
    expect(lacking(page, ["fused.arrow is not in this run"])).toEqual([]);
  });

  test("each absent file is named, the rest is shown", async () => {
    const run = synthetic();
    for (const path of [run.compare, run.align, run.events, run.telemetry]) rmSync(path);
    await writeReport(run);
    const page = readFileSync(run.report, "utf8");
    for (const name of ["compare.json", "align.json", "events.arrow", "telemetry.arrow"])
      expect(lacking(page, [`${name} is not in this run`])).toEqual([]);
    expect(lacking(page, ['id="plots"'])).toEqual([]);
  });

  test("an empty folder", async () => {
    const dir = mkdtempSync(join(tmpdir(), "truejoule-report-"));
    made.push(dir);
    await expect(writeReport(runPaths(dir))).rejects.toMatchObject({ name: "InputError" });
  });

  test.each([
    ["cut", (path: string) => truncateSync(path, 5000), /cut at byte 5000/],
    ["empty", (path: string) => truncateSync(path, 0), /an empty file/],
    [
      "text",
      (path: string) => writeFileSync(path, "not a table\n".repeat(99)),
      /another kind of file/,
    ],
  ])("a fused.arrow that is %s: one line, with the remedy", async (_, damage, words) => {
    const run = synthetic();
    damage(run.fused);
    const error = await writeReport(run).then(
      () => null,
      (e: Error) => e,
    );
    expect(error).toMatchObject({ name: "InputError" });
    expect(error!.message).toMatch(words);
    expect(error!.message).toMatch(/truejoule fuse/);
    expect(error!.message).not.toContain("\n");
  });

  test("a compare.json that is not JSON", async () => {
    const run = synthetic();
    writeFileSync(run.compare, "{ cut");
    await expect(writeReport(run)).rejects.toThrow(/compare\.json: not JSON; truejoule compare/);
  });
});

describe("numbers for people", () => {
  test.each([
    [uncertain(2383.91, 7.24, "J"), "2\u202f383.9 ± 7.2 J"],
    [uncertain(2383.91, 101.8, "J"), "2\u202f384 ± 102 J"],
    [uncertain(0.0221, 0.00069, "J"), "22.10 ± 0.69 mJ"],
    [quantity(0.00213, "s"), "2.130 ms"],
    [quantity(-1.5e-6, "s", 2), "−1.5 µs"],
    [quantity(NaN, "W"), "–"],
    [percent(-6.17, 0.4), "−6.17 ± 0.40 %"],
    [percent(0.001), "+0.00 %"],
    [share(1), "100 %"],
    [share(0.99997), "99.9970 %"],
    [share(0.043), "4.3 %"],
  ])("%s", (found, wanted) => expect(found).toBe(wanted));
});
