import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CaptureRecord } from "../../capture/log-reader.ts";
import { comparisonToJson } from "../../dataset/documents/compare-json.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { COMPARE, type CompareDocument } from "../../schema/documents/compare.ts";
import { documentIn, misfitText } from "../../schema/documents/document.ts";
import type { Mark } from "../../schema/records.ts";
import { jsonSchemas } from "../../scripts/schemas.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

let dir: string;
let plain: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-documents-"));
  await writeVirtualCapture(join(dir, "plain"), { seed: 5, durationS: 2 });
  plain = join(dir, "plain/capture.mcap");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("published schemas", () => {
  test.each([...jsonSchemas()])("docs/schema/%s is up to date (npm run schemas)", (name, text) => {
    expect(readFileSync(new URL(`../../docs/schema/${name}`, import.meta.url), "utf8")).toBe(text);
  });
});

/** The document of the log with some records more or less, as it lies on the disk. */
function documentOf(changed: (r: CaptureRecord) => CaptureRecord[]): CompareDocument {
  const to = join(mkdtempSync(join(dir, "log-")), "capture.mcap");
  rewrite(plain, to, changed);
  const text = JSON.stringify(comparisonToJson(compare(prepare(to)), "RUN"));
  return documentIn(COMPARE, text, "compare.json", "again");
}

const isRow = (r: CaptureRecord): boolean => r.kind === "rows" || r.kind === "layout";

describe("compare/1: what compare writes fits its definition", () => {
  test.each<[string, (r: CaptureRecord) => boolean]>([
    ["whole", () => true],
    ["without a trace", (r) => !isRow(r)],
    ["without telemetry", (r) => r.kind !== "read"],
    ["without marks", (r) => r.kind !== "mark"],
    ["with nothing", (r) => !isRow(r) && r.kind !== "read" && r.kind !== "mark"],
  ])("of a log that is %s", (_, keep) => {
    const found = documentOf((r) => (keep(r) ? [r] : []));
    expect(found.windows[0]!.name).toBe("session");
  });

  test("of a log with windows before, across and behind all else, and one of no length", () => {
    const { scan } = prepare(plain);
    const at = (s: number): bigint => scan.session.hostEpoch + BigInt(Math.round(s * 1e9));
    const mark = (name: string, phase: Mark["phase"], s: number): CaptureRecord => ({
      kind: "mark",
      mark: { name, phase, clock: "host", t: at(s) },
    });
    const spans: [string, number, number][] = [
      ["before", -9, -5],
      ["across", -1, 1],
      ["behind", 50, 60],
      ["point", 1, 1],
    ];
    const marks = spans.flatMap(([n, from, to]) => [mark(n, "begin", from), mark(n, "end", to)]);
    const found = documentOf((r) => (r.kind === "session" ? [r, ...marks] : [r]));
    expect(found.windows.map((w) => w.name)).toEqual(
      expect.arrayContaining(["before-1", "across-1", "behind-1", "point-1"]),
    );
    expect(found.windows.find((w) => w.name === "before-1")!.physical?.energy_j).toBeNull();
  });
});

describe("what does not fit is one line: file, place, what is expected and found", () => {
  const cases: [string, (d: Record<string, never>) => unknown, string][] = [
    ["another document", (d) => ({ ...d, schema: "compare/9" }), 'schema: expected "compare/1"'],
    ["no object", () => [1, 2], "expected an object, found a list of 2"],
    [
      "a key missing",
      (d) => ({ ...d, windows: undefined }),
      "windows: expected a list, found nothing",
    ],
    [
      "a text for a number",
      (d) => within(d, { t0_ns: "1" }),
      "windows[0].t0_ns: expected a number",
    ],
    ["another word", (d) => within(d, { kind: "kind" }), "windows[0].kind: expected one of mark, "],
    [
      "a list for an object",
      (d) => within(d, { physical: [] }),
      "expected an object, found a list of 0",
    ],
  ];
  const within = (d: object, change: object): object => {
    const { windows } = d as { windows: object[] };
    return { ...d, windows: [{ ...windows[0], ...change }] };
  };

  test.each(cases)("%s", (_, change, said) => {
    const found = comparisonToJson(compare(prepare(plain)), "RUN");
    expect(misfitText(change(found as never), COMPARE)).toContain(said);
    const text = JSON.stringify(change(found as never));
    expect(() => documentIn(COMPARE, text, "RUN/compare.json", "compare writes it again")).toThrow(
      /^RUN\/compare\.json: .*compare writes it again \(expected [^\n]*\)$/,
    );
  });

  test("keys of a later version are kept", () => {
    const found = { ...comparisonToJson(compare(prepare(plain)), "RUN"), later: { x: 1 } };
    expect(documentIn(COMPARE, JSON.stringify(found), "x", "")).toMatchObject({ later: { x: 1 } });
  });

  test("a number that JSON makes infinite is none", () => {
    expect(misfitText(JSON.parse("1e999"), COMPARE.entries.clock.entries.rate_ppm)).toMatch(
      /expected a number, found null/,
    );
  });
});
