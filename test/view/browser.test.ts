// The page in a real browser: it opens without a network, shows the truth between its markers, obeys mouse and
// keys, and runs nothing that a capture brought. Skipped where there is no Chromium.

import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import type { RunPaths } from "../../capture/run.ts";
import { writeReport } from "../../view/report.ts";
import { truthJ, writeSyntheticRun } from "./synthetic.ts";

jest.setTimeout(60_000); // a browser on a loaded machine is slow, not wrong

const CHROMIUM = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path && existsSync(path));
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const HOSTILE = `</script><script>globalThis.pwned=1</script><img src=x onerror="globalThis.pwned=1">`;

if (!CHROMIUM)
  test.skip("report in a browser: no Chromium on this machine (set CHROMIUM to one)", () => {});

(CHROMIUM ? describe : describe.skip)("report in a browser", () => {
  let run: RunPaths;
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    run = writeSyntheticRun({ label: HOSTILE });
    await writeReport(run);
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on("pageerror", (e) => errors.push(e.message));
    page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
    page.on("request", (r) => requests.push(r.url()));
    await page.goto(`file://${run.report}`);
    await page.waitForSelector("html.ready");
  });

  afterAll(async () => {
    await browser.close();
    rmSync(run.dir, { recursive: true });
  });

  /** The page draws once a frame; the frame after has everything. */
  const drawn = (of = page): Promise<unknown> =>
    of.evaluate("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))");
  const readout = async (label: string): Promise<string> => {
    await drawn();
    const tile = page.locator("#readout .tile", { hasText: label });
    return (await tile.locator(".value").textContent()) ?? "";
  };
  const joules = (text: string): number => Number(text.replace(/[^\d.]/g, ""));
  const resolution = async (): Promise<string> => {
    await drawn();
    return (await page.textContent("#resolution")) ?? "";
  };
  const truth = (a: number, b: number): number => truthJ(b) - truthJ(a);

  test("opens with the load between the markers", async () =>
    expect(Math.abs(joules(await readout("Energy")) - truth(1, 4))).toBeLessThan(0.02));

  test("asks for nothing but itself, and nothing goes wrong", () => {
    expect(requests).toEqual([`file://${run.report}`]);
    expect(errors).toEqual([]);
  });

  test("runs nothing a label brought", async () => {
    expect(await page.evaluate("globalThis.pwned")).toBeUndefined();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("button.window", { hasText: "<img" }).count()).toBe(1);
  });

  test("refuses the network even to its own scripts", async () => {
    const refused = await page.evaluate(`fetch("data:text/plain,x").then(() => false, () => true)`);
    expect(refused).toBe(true);
    errors.length = 0; // the refusal is logged
  });

  test("a window's button puts the markers on its edges", async () => {
    await page.click("button.window >> nth=2");
    expect(Math.abs(joules(await readout("Energy")) - truth(1, 2))).toBeLessThan(0.02);
    expect(await page.textContent("#readout .between")).toContain("k = 2");
  });

  test("typed markers show the energy between them", async () => {
    await page.fill("#marker-a", "1.25");
    await page.fill("#marker-b", "1.75");
    await page.keyboard.press("Enter");
    expect(Math.abs(joules(await readout("Energy")) - 155)).toBeLessThan(0.05);
    expect(await readout("Mean power")).toBe("310.00 W");
  });

  test("drag zooms, keys and double-click bring the whole run back", async () => {
    const over = (await page.locator(".u-over").first().boundingBox())!;
    const whole = await resolution();
    const drag = async (from: number, to: number): Promise<void> => {
      await page.mouse.move(over.x + from * over.width, over.y + 50);
      await page.mouse.down();
      await page.mouse.move(over.x + to * over.width, over.y + 60, { steps: 4 });
      await page.mouse.up();
    };
    await page.click("#reset");
    await page.evaluate("scrollTo(0, document.getElementById('plots').offsetTop - 60)");
    Object.assign(over, await page.locator(".u-over").first().boundingBox());
    await drag(0.3, 0.32);
    expect(await resolution()).not.toBe(whole);
    await page.keyboard.press("0");
    const reset = await resolution();
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    expect(await resolution()).not.toBe(reset);
    await page.mouse.dblclick(over.x + 300, over.y + 80);
    expect(await resolution()).toBe(reset);
  });

  test("keys place markers at the pointer and clear them", async () => {
    await page.click("#reset");
    const over = (await page.locator(".u-over").first().boundingBox())!;
    const point = (share: number) => page.mouse.move(over.x + share * over.width, over.y + 60);
    await page.locator("#plots").focus();
    await point(0.25);
    await page.keyboard.press("a");
    await point(0.75);
    await page.keyboard.press("B");
    await drawn();
    const marker = async (id: string): Promise<number> => Number(await page.inputValue(`#${id}`));
    const [a, b] = [await marker("marker-a"), await marker("marker-b")];
    expect(a).toBeCloseTo(1.5, 1);
    expect(b).toBeCloseTo(4.5, 1);
    expect(Math.abs(joules(await readout("Energy")) - truth(a, b))).toBeLessThan(1);
    await page.keyboard.press("Escape");
    await drawn();
    expect(await page.inputValue("#marker-a")).toBe("");
    expect(await page.textContent("#readout .between")).toContain("Place markers");
  });

  test("a finger's drag zooms as a mouse's does", async () => {
    const context = await browser.newContext({
      viewport: { width: 420, height: 800 },
      hasTouch: true,
    });
    const touched = await context.newPage();
    await touched.goto(`file://${run.report}`);
    await touched.waitForSelector("html.ready");
    await touched.evaluate("scrollTo(0, document.getElementById('plots').offsetTop - 60)");
    await drawn(touched);
    const whole = await touched.textContent("#resolution");
    const over = (await touched.locator(".u-over").first().boundingBox())!;
    const finger = await context.newCDPSession(touched);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", share?: number) =>
      finger.send("Input.dispatchTouchEvent", {
        type,
        touchPoints:
          share === undefined ? [] : [{ x: over.x + share * over.width, y: over.y + 60 }],
      });
    await touch("touchStart", 0.4);
    for (const share of [0.45, 0.5, 0.55]) await touch("touchMove", share);
    await touch("touchEnd");
    await drawn(touched);
    expect(await touched.textContent("#resolution")).not.toBe(whole);
    await context.close();
  });

  test("zoomed to an edge, every sample is drawn", async () => {
    await page.fill("#marker-a", "0.9998");
    await page.fill("#marker-b", "1.0008");
    await page.keyboard.press("Enter");
    await page.click("#to-markers");
    expect(await resolution()).toContain("every sample");
  });

  test("light and dark both paint the trace", async () => {
    const before = await page.screenshot();
    await page.click("#theme");
    await drawn();
    expect((await page.screenshot()).equals(before)).toBe(false);
    expect(await page.getAttribute("html", "data-theme")).toBe("dark");
  });

  test("fits a telephone without sideways scrolling", async () => {
    await page.setViewportSize({ width: 420, height: 800 });
    await drawn();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(420);
    expect(errors).toEqual([]);
  });

  test("says that it is simulated, at the top and in the plot", async () => {
    expect(await page.textContent(".banner.simulated")).toContain("simulated");
    expect(readFileSync(run.report, "utf8")).toContain('"simulated":true');
  });
});
