// Pictures of the live page on the virtual bench, light and dark: node scripts/live-pictures.mjs [DIR]
// (after npm run build). Needs Linux and Chromium (CHROMIUM, or /usr/bin/chromium).
import { spawn } from "node:child_process";
import { chromium } from "playwright-core";

const dir = process.argv[2] ?? ".";
const main = new URL("../dist/cli/main.js", import.meta.url).pathname;
const live = spawn(process.execPath, [main, "live", "--rig", "virtual", "--json"], {
  stdio: ["ignore", "pipe", "inherit"],
});
let out = "";
for await (const chunk of live.stdout) if ((out += chunk).endsWith("}\n")) break;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});
for (const colorScheme of ["light", "dark"]) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, colorScheme });
  await page.goto(JSON.parse(out).url);
  await page.waitForTimeout(14_000); // a whole span of 10 s, and windows
  await page.screenshot({ path: `${dir}/live-${colorScheme}.png` });
}
await browser.close();
live.kill("SIGINT");
