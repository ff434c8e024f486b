import { afterEach, expect, test } from "@jest/globals";
import { join } from "node:path";
import { fitClocks } from "../../align/clocks/fit.ts";
import { scanCapture } from "../../align/scan.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { findingsOf } from "../../energy/findings.ts";
import { degrades } from "../../schema/findings.ts";
import { instant } from "../../schema/time.ts";
import { scratch, session as anySession, sweep } from "../capture/small-log.ts";

afterEach(sweep);

const HOUR = 3600n * 10n ** 9n;
const UNIX = 1_790_000_000n * 10n ** 9n;
const CHANNEL = "gpu0.power_samples";

/** The wall clock is set forward by an hour at 4 s and back by two at 7 s. */
const wallAhead = (ns: bigint): bigint =>
  ns < 4n * 10n ** 9n ? 0n : ns < 7n * 10n ** 9n ? HOUR : -HOUR;

function recording(boot = 0n): string {
  const session = { ...anySession, startUnix: instant<"unix">(UNIX) };
  const path = join(scratch(), "capture.mcap");
  const log = new LogWriter(path, session);
  log.declareTelemetry({ name: CHANNEL, quantity: "power", unit: "W" });
  const host = (ns: bigint) => instant<"host">(session.hostEpoch + ns);
  const unix = (ns: bigint) => instant<"unix">(UNIX + ns + wallAhead(ns));
  for (let now = 0n; now <= 10n ** 10n; now += 10n ** 8n) {
    // Five samples 20 ms apart, fetched together; the clocks are read every half second.
    for (let k = 5n; k > 0n; k--) {
      const at = now - k * 20_000_000n;
      if (at < 0n) continue;
      const [before, after] = [host(now), host(now + 300_000n)];
      log.read({ channel: CHANNEL, before, after, stamp: unix(at), value: Number(at), code: 0 });
    }
    if (now % (5n * 10n ** 8n) === 0n)
      log.clockPair({
        mono: host(now),
        unix: unix(now),
        boot: boot === 0n ? 0n : now + wallAhead(now),
      });
  }
  log.close();
  return path;
}

test("samples with Unix stamps stay in their place when the wall clock is set, and it is told", () => {
  const scan = scanCapture(recording());
  const { tNs, value } = scan.telemetry[0]!;
  expect(value.length).toBe(500);
  // Until the clocks are read next, up to 0.5 s after a step, only the fetch says when a sample was taken.
  const placed = [...tNs].map((t, i) => Math.abs(t - value.at(i)));
  expect(Math.max(...placed)).toBeLessThan(0.11e9);
  expect(placed.filter((miss) => miss > 1).length).toBeLessThanOrEqual(50);
  const told = findingsOf({ scan, clocks: fitClocks(scan) });
  const steps = told.flatMap((f) => (f.code === "wall-clock-stepped" ? [f.text] : []));
  expect(steps).toEqual([
    expect.stringMatching(/stepped by 3600\.000 s at 4\.0 s/),
    expect.stringMatching(/stepped by -7200\.000 s at 7\.0 s/),
  ]);
  expect(degrades(told)).toBe(true);
});

test("a machine that slept is told as such", () => {
  const scan = scanCapture(recording(1n));
  const told = findingsOf({ scan, clocks: fitClocks(scan) });
  const slept = told.filter((f) => f.code === "machine-slept");
  expect(slept).toMatchObject([{ text: expect.stringContaining("slept for 3600.0 s at 4.0 s") }]);
});
