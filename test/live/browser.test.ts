// The live page in a real browser: first fed with known power in this process, then by `truejoule live` on
// the virtual bench. Also what a stranger's page in the same browser can get: nothing. Skipped where there
// is no Chromium.

import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import type { Mark } from "../../schema/records.ts";
import { instant, later } from "../../schema/time.ts";
import { LiveFeed } from "../../view/feed/live-feed.ts";
import { LiveHub } from "../../view/live/live-hub.ts";
import { livePage } from "../../view/live/live-page.ts";
import { type LocalServer, serveLocally } from "../../view/live/server.ts";
import { block, LAYOUT, RIG, ROW_HZ, session } from "./small-bench.ts";

jest.setTimeout(120_000); // a browser on a loaded machine is slow, not wrong

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
const HOSTILE = `<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>`;

if (!CHROMIUM)
  test.skip("live page in a browser: no Chromium on this machine (set CHROMIUM to one)", () => {});

let browser: Browser;
if (CHROMIUM) {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterAll(() => browser.close());
}

const text = async (page: Page, selector: string): Promise<string> =>
  (await page.textContent(selector)) ?? "";
const tile = (label: string): string => `#tiles .tile:has(.label:text-is("${label}")) .value`;
const number = (shown: string): number => Number(shown.replace(/[^\d.−]/g, "").replace("−", "-"));
const picture = (page: Page): Promise<Buffer> => page.locator("#plots").screenshot();

/** Waits for what must come, however slow the machine. */
async function until(met: () => Promise<boolean>): Promise<void> {
  for (let k = 0; k < 300 && !(await met()); k++) await new Promise((r) => setTimeout(r, 100));
  expect(await met()).toBe(true);
}

(CHROMIUM ? describe : describe.skip)("a page of known power", () => {
  const epoch = instant<"host">(process.hrtime.bigint());
  const feed = new LiveFeed(RIG, session(epoch));
  const hub = new LiveHub(feed, "known power");
  let server: LocalServer;
  let page: Page;
  let timer: NodeJS.Timeout;
  let rows = 0;
  let gone = false;
  const errors: string[] = [];
  const requests: string[] = [];

  /** Rows up to now, but for half a second from 3 s on. */
  function feedUpToNow(): void {
    const end = Math.floor((feed.nowNs() / 1e9) * ROW_HZ);
    for (; rows + 250 <= end; rows += 250) {
      const inHole = rows >= 30_000 && rows < 35_000;
      if (!inHole && !gone) feed.rows(block(rows, 250, { epoch }));
    }
    hub.tick();
  }

  const mark = (name: string, phase: Mark["phase"], s: number): void =>
    feed.mark({ name, phase, clock: "host", t: later(epoch, s * 1e9) });

  beforeAll(async () => {
    server = await serveLocally({ pages: { "/": livePage() }, onSocket: (s) => hub.attach(s) });
    feed.declareRows(LAYOUT);
    timer = setInterval(feedUpToNow, 50);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
    page.on("pageerror", (e) => errors.push(e.message));
    page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
    page.on("request", (r) => requests.push(r.url()));
    await page.goto(server.url);
    await page.waitForSelector("html.ready");
  });

  afterAll(async () => {
    clearInterval(timer);
    await server.close();
  });

  test("says that it is simulated, before any number", async () => {
    expect(await text(page, "#banner")).toContain("simulated");
  });

  test("shows power and growing energy", async () => {
    await until(
      async () => Math.abs(number(await text(page, tile("Power, last second"))) - 240) < 5,
    );
    const before = number(await text(page, tile("Energy so far")));
    await until(async () => number(await text(page, tile("Energy so far"))) > before + 100);
  });

  test("the trace moves, and stands still when paused", async () => {
    const moving = await picture(page);
    await until(async () => !(await picture(page)).equals(moving));
    await page.click("#pause");
    await page.waitForTimeout(300);
    const paused = await picture(page);
    await page.waitForTimeout(700);
    expect((await picture(page)).equals(paused)).toBe(true);
    await page.click("#pause");
    await until(async () => !(await picture(page)).equals(paused));
  });

  test("the trace grows while it is shorter than its span", async () => {
    await page.click("text=10 min");
    await page.mouse.move(0, 0); // no button that is hovered
    const shorter = await picture(page);
    await until(async () => !(await picture(page)).equals(shorter));
    await page.click("text=10 s");
  });

  test("what was before a page opened is drawn in it", async () => {
    await until(async () => feed.nowNs() > 12e9);
    const light = { viewport: { width: 1280, height: 900 }, colorScheme: "light" } as const;
    const second = await browser.newPage(light);
    await second.goto(server.url);
    await second.waitForSelector("html.ready");
    // Dark pixels left in the plot: the total's line, seconds old.
    const drawn = (): Promise<number> =>
      second.evaluate(`(() => {
        const { data } = document.querySelector("canvas").getContext("2d").getImageData(100, 20, 300, 300);
        let n = 0;
        for (let i = 0; i < data.length; i += 4)
          if (data[i + 3] > 200 && data[i] + data[i + 1] + data[i + 2] < 250) n++;
        return n;
      })()`);
    await until(async () => (await drawn()) > 100);
    await second.close();
  });

  test("a window appears with its Joules", async () => {
    mark("load", "begin", 0.5);
    mark("load", "end", 1.5);
    await until(async () => (await text(page, "#windows table")).includes("load-1"));
    const cells = await page
      .locator("#windows tbody")
      .nth(1)
      .locator("tr")
      .first()
      .locator("td")
      .allTextContents();
    expect(number(cells[2]!)).toBeCloseTo(240, 0);
    expect(number(cells[3]!)).toBeCloseTo(240, 0);
  });

  test("runs nothing that a mark, a note or a run brought", async () => {
    mark(HOSTILE, "begin", 0.2);
    mark(HOSTILE, "end", 0.3);
    feed.note({ level: "loss", text: HOSTILE });
    await until(async () => (await text(page, "#notes")).includes("<img"));
    await until(async () => (await text(page, "#windows table")).includes("<img"));
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.evaluate("globalThis.pwned")).toBeUndefined();
  });

  test("other quantities on demand, series off by a click", async () => {
    expect(await page.locator("#plots .panel[role=img]").count()).toBe(1);
    await page.selectOption("#side", "A");
    expect(await page.locator("#plots .panel[role=img]").count()).toBe(2);
    const chip = page.locator("#chips .chip", { hasText: "hpwr" });
    await chip.click();
    expect(await chip.getAttribute("aria-pressed")).toBe("false");
    await chip.click();
  });

  test("dragging looks closer and stays there, a double-click follows again", async () => {
    await page.click("text=10 s");
    const over = (await page.locator(".u-over").first().boundingBox())!;
    await page.mouse.move(over.x + 600, over.y + 50);
    await page.mouse.down();
    await page.mouse.move(over.x + 700, over.y + 60, { steps: 4 });
    await page.mouse.up();
    expect(await text(page, "#pause")).toBe("Follow");
    expect(await text(page, "#resolution")).toContain("ms");
    await page.mouse.dblclick(over.x + 500, over.y + 80);
    expect(await text(page, "#pause")).toBe("Pause");
  });

  test("light and dark, and a telephone's width", async () => {
    const light = await page.screenshot();
    await page.click("#theme");
    expect(await page.getAttribute("html", "data-theme")).toBe("dark");
    expect((await page.screenshot()).equals(light)).toBe(false);
    await page.setViewportSize({ width: 420, height: 800 });
    await page.waitForTimeout(200);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(420);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("a DAQ that is gone: the trace goes on, and its last second is not now", async () => {
    gone = true;
    await until(async () => (await text(page, tile("Power, last second"))) === "–");
    expect(await text(page, "#chips .chip >> nth=0")).toBe("total");
    const moving = await picture(page);
    await until(async () => !(await picture(page)).equals(moving));
  });

  test("asks for nothing but itself, and nothing went wrong", () => {
    expect(requests.filter((r) => r.startsWith("http"))).toEqual([server.url]);
    expect(errors).toEqual([]);
  });

  describe("a stranger's page in the same browser", () => {
    let stranger: Server;
    let foreign: Page;

    beforeAll(async () => {
      stranger = createServer((_q, response) => {
        response.setHeader("content-type", "text/html");
        response.end("<p>hello</p>");
      });
      await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
      foreign = await browser.newPage();
      await foreign.goto(`http://localhost:${(stranger.address() as AddressInfo).port}/`);
    });
    afterAll(async () => {
      await foreign.close();
      await new Promise((resolve) => stranger.close(resolve));
    });

    // Even one that got hold of the token.
    const inPage = (script: string): Promise<unknown> =>
      foreign.evaluate(`(async () => { const url = ${JSON.stringify(server.url)}; ${script} })()`);

    test("cannot read the page", async () => {
      expect(await inPage(`return fetch(url).then((r) => r.text(), () => "refused")`)).toBe(
        "refused",
      );
      expect(
        await inPage(`return fetch(url, { mode: "no-cors" }).then((r) => r.type, () => "refused")`),
      ).toBe("refused");
    });

    test("cannot open its socket", async () => {
      const outcome = await inPage(`
        const token = new URL(url).searchParams.get("token");
        const socket = new WebSocket(url.replace("http", "ws").replace("/?", "/live?"),
          ["truejoule.live.1", "token." + token]);
        return new Promise((resolve) => {
          socket.onmessage = () => resolve("heard");
          socket.onclose = () => resolve("refused");
        });`);
      expect(outcome).toBe("refused");
    });

    test("cannot frame it", async () => {
      const before = hub.pages;
      await inPage(`
        const frame = document.createElement("iframe");
        frame.src = url;
        document.body.append(frame);
        return new Promise((resolve) => (frame.onload = resolve));`);
      await foreign.waitForTimeout(300);
      expect(hub.pages).toBe(before); // its script never ran
    });
  });

  test("tells when the recording ended, and keeps what it has", async () => {
    hub.end("the recording ended");
    await until(async () => (await text(page, "#link")) === "the recording ended");
    await server.close();
    expect(await text(page, "#windows table")).toContain("load-1");
  });
});

(CHROMIUM && process.platform === "linux" ? describe : describe.skip)("truejoule live", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const temporary = mkdtempSync(join(tmpdir(), "truejoule-live-test-"));
  let child: ChildProcess;
  let ended: Promise<unknown>;
  let page: Page;

  /** @returns the page's address. */
  async function start(): Promise<string> {
    const args = ["live", "--rig", "virtual", "--duration", "100s", "--json"];
    child = spawn(
      process.execPath,
      ["--no-warnings", "--import", "./scripts/ts-register.mjs", "cli/main.ts", ...args],
      { cwd: root, env: { ...process.env, TMPDIR: temporary }, stdio: ["ignore", "pipe", "pipe"] },
    );
    ended = new Promise((resolve) => child.once("exit", resolve));
    let [out, progress] = ["", ""];
    child.stdout!.on("data", (b: Buffer) => (out += b.toString()));
    child.stderr!.on("data", (b: Buffer) => (progress += b.toString()));
    for (let k = 0; k < 600 && !progress.includes("kS/s"); k++) {
      if (child.exitCode !== null) throw new Error(progress);
      await new Promise((r) => setTimeout(r, 100));
    }
    return (JSON.parse(out) as { url: string }).url;
  }

  beforeAll(async () => {
    // The DAQ has 0.6 s to answer its first call, which a machine under load may not grant.
    const url = await start().catch(start).catch(start);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(url);
    await page.waitForSelector("html.ready");
  });
  afterAll(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(temporary, { recursive: true, force: true });
  });

  test("shows the virtual bench moving: rails, telemetry, windows", async () => {
    await until(async () => number(await text(page, tile("Power, last second"))) > 50);
    await until(async () => number(await text(page, tile("Telemetry reads"))) > 100);
    await until(async () => (await page.locator("#windows code").count()) > 3);
    const chips = await text(page, "#chips");
    for (const name of ["total", "slot_12v", "hpwr_12v", "nvml.power_instant"])
      expect(chips).toContain(name);
    const before = await picture(page);
    await until(async () => !(await picture(page)).equals(before));
  });

  test("Ctrl-C ends it and leaves nothing behind", async () => {
    child.kill("SIGINT");
    const code = await ended;
    expect([0, 3]).toContain(code); // 3 where a loaded machine lost rows, which it then says
    await until(async () => (await text(page, "#link")) === "the recording ended");
    expect(readdirSync(temporary)).toEqual([]);
  });
});
