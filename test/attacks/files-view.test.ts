// `view` serves the page that it made itself, under a policy by hash, whatever report.html a stranger put there
// with whatever checksums. In a browser where there is one (C1).

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { runPaths } from "../../capture/run.ts";
import { fileSha256 } from "../../capture/sha256.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { noteChecksums } from "../../dataset/checksums.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { sourceHash } from "../../view/page-template.ts";
import { expectBuilt, main } from "../end-to-end/built.ts";

const EVIL = "window.__xss = 9; document.title = 'PWNED'";
const CHROMIUM = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);
const dir = mkdtempSync(join(tmpdir(), "truejoule-view-"));
let view: ChildProcess;
let url: string;

beforeAll(async () => {
  expectBuilt();
  const paths = runPaths(join(dir, "run"));
  await writeVirtualCapture(paths.dir, { seed: 1, durationS: 2 });
  fuseRun(paths, { rateHz: 1000 });
  const policy = `<meta http-equiv="Content-Security-Policy" content="script-src '${sourceHash(EVIL)}'" />`;
  writeFileSync(paths.report, `<html>${policy}<script>${EVIL}</script></html>`);
  noteChecksums(paths, [[paths.report, fileSha256(paths.report)]]); // the stranger knows how to
  view = spawn(process.execPath, [main, "view", paths.dir, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  url = await new Promise((resolve) => {
    view.stdout!.on("data", (d: Buffer) => {
      said += d.toString();
      const found = /"url": "([^"]+)"/.exec(said);
      if (found) resolve(found[1]!);
    });
  });
}, 120_000);
afterAll(async () => {
  const ended = new Promise((resolve) => view.once("close", resolve));
  view.kill("SIGTERM");
  await ended;
  rmSync(dir, { recursive: true });
});

test("C1: a planted report.html is not served, and the policy names our script alone", async () => {
  const response = await fetch(url);
  const policy = response.headers.get("content-security-policy")!;
  const page = await response.text();
  expect(page).not.toContain("PWNED");
  const script = page.slice(page.lastIndexOf("<script>") + 8, page.lastIndexOf("</script>"));
  expect(policy).toContain(`script-src '${sourceHash(script)}'`);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain(sourceHash(EVIL));
  // The page's own meta element says the same.
  expect(page).toContain(policy.replace("; frame-ancestors 'none'", "").replaceAll("'", "&#39;"));
});

(CHROMIUM ? test : test.skip)(
  "C1: in a browser nothing planted runs, and the page does",
  async () => {
    const browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: ["--headless", "--no-sandbox", "--disable-gpu"],
    });
    try {
      const page = await browser.newPage();
      await page.goto(url);
      await page.waitForSelector("html.ready");
      expect(await page.evaluate("window.__xss")).toBeUndefined();
      expect(await page.title()).not.toBe("PWNED");
      // A script that finds its way into the served page is stopped by the policy.
      await page.evaluate(
        `document.body.append(Object.assign(document.createElement("script"), { textContent: ${JSON.stringify(EVIL)} }))`,
      );
      expect(await page.evaluate("window.__xss")).toBeUndefined();
    } finally {
      await browser.close();
    }
  },
  120_000,
);

test("D5: the page of a log that was changed says so before any figure", async () => {
  const paths = runPaths(join(dir, "changed"));
  await writeVirtualCapture(paths.dir, { seed: 2, durationS: 1 });
  fuseRun(paths, { rateHz: 1000 });
  const sums = readFileSync(paths.checksums, "utf8");
  writeFileSync(paths.checksums, sums.replace(fileSha256(paths.capture), "a".repeat(64)));
  const { status } = spawnSync(process.execPath, [main, "report", paths.dir, "--quiet"]);
  expect(status).toBe(3);
  const page = readFileSync(paths.report, "utf8");
  const told = page.indexOf("The capture log was changed");
  expect(told).toBeGreaterThan(0);
  expect(told).toBeLessThan(page.indexOf("In window"));
});
