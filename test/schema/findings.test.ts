import { expect, test } from "@jest/globals";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { degrades, finding, FINDINGS, limited, observed } from "../../schema/findings.ts";

const root = new URL("../../", import.meta.url).pathname;
const NOT_PRODUCT = new Set(["node_modules", "dist", "test", "docs", "scripts", "examples"]);

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
    if (e.name.startsWith(".") || NOT_PRODUCT.has(e.name)) return [];
    const path = join(dir, e.name);
    if (e.isDirectory()) return sources(path);
    return e.name.endsWith(".ts") ? [path] : [];
  });
}

test("the table of docs/reference.md has every code with its level, a meaning and a remedy, and no other", () => {
  const table = readFileSync(join(root, "docs/reference.md"), "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, code, level, means, remedy] =
        /^\| `([a-z-]+)` \| (loss|doubt|remark) \| (.+) \| (.+) \|$/.exec(line) ?? [];
      return code === undefined ? [] : [{ code, level, told: Boolean(means && remedy) }];
    });
  const known = Object.entries(FINDINGS).map(([code, level]) => ({ code, level, told: true }));
  const byCode = (a: { code: string }, b: { code: string }) => a.code.localeCompare(b.code);
  expect(table.sort(byCode)).toEqual(known.sort(byCode));
});

test("every code is made somewhere", () => {
  const made = sources(root)
    .filter((path) => !path.endsWith("schema/findings.ts"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  expect(Object.keys(FINDINGS).filter((code) => !made.includes(`"${code}"`))).toEqual([]);
});

test("a code has one level; a remark alone degrades nothing", () => {
  expect(observed("rows-clipped", "3 rows", 3)).toEqual({
    code: "rows-clipped",
    level: "loss",
    text: "3 rows",
    count: 3,
  });
  const remark = finding("edges-seen", "daq", "an edge");
  expect([degrades([]), degrades([remark])]).toEqual([false, false]);
  expect(degrades([remark, finding("edges-missing", "daq", "an edge")])).toBe(true);
});

test("of many the rest is counted, each by its own count", () => {
  const many = [1, 2, 3, 4].map((n) => finding("marks-unpaired", `m${n}`, `${n}`, n));
  const rest = (n: number) => ({ subject: "marks", text: `${n} more` });
  expect(limited(many, 4, rest)).toEqual(many);
  expect(limited(many, 2, rest)).toEqual([
    ...many.slice(0, 2),
    finding("marks-unpaired", "marks", "2 more", 7),
  ]);
});
