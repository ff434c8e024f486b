// The pages' bundles: what ships, and that the same sources give the same bytes.

import { describe, expect, test } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pageAssets } from "../../view/page-template.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

interface Package {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly files: readonly string[];
}

describe.each(["report", "live"] as const)("the bundle of the %s page", (name) => {
  test("comes out the same from another process", () => {
    const made = pageAssets(name); // by Jest's global setup
    const build = `import bundle from "./scripts/bundle-pages.mjs"; await bundle();`;
    execFileSync(process.execPath, ["--input-type=module", "-e", build], { cwd: root });
    expect(pageAssets(name)).toEqual(made);
  });

  test("makes no code out of text, loads none, and names no file of the machine", () => {
    const { script, style } = pageAssets(name);
    expect(script).not.toMatch(/\beval\(|\bFunction\(|\bimport\(|sourceMappingURL/);
    expect(script + style).not.toContain(root.pathname);
    expect(style).not.toMatch(/@import|url\(/);
  });
});

test("uPlot's licence is in both bundles and beside them", () => {
  const licence = readFileSync(new URL("node_modules/uplot/LICENSE", root), "utf8").trim();
  for (const name of ["report", "live"] as const) {
    const { script, notice } = pageAssets(name);
    expect(notice).toBe(licence);
    expect(script).toContain(licence);
  }
});

test("the package ships bundles and no page sources, and needs neither bundler nor uPlot", () => {
  const { dependencies, devDependencies, files } = JSON.parse(read("package.json")) as Package;
  expect(files).toContain("dist");
  expect(files.filter((f) => f.startsWith("view"))).toEqual([]);
  for (const name of ["esbuild", "uplot"]) {
    expect(Object.keys(devDependencies)).toContain(name);
    expect(Object.keys(dependencies)).not.toContain(name);
  }
});
