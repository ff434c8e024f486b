import { afterEach, expect, test } from "@jest/globals";
import { join } from "node:path";
import { fitClocks } from "../../align/clocks/fit.ts";
import { scanCapture } from "../../align/scan.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { findingsOf } from "../../energy/findings.ts";
import { textsOf } from "../../schema/findings.ts";
import { instant } from "../../schema/time.ts";
import { scratch, session, sweep } from "../capture/small-log.ts";

afterEach(sweep);

const TURN_J = 65_000;

/** 400 W on a counter that goes round every 162 s, read once a second but for one silence. */
function told(silenceS: number): readonly string[] {
  const path = join(scratch(), "capture.mcap");
  const log = new LogWriter(path, session);
  const channel = {
    name: "rapl.package-0",
    quantity: "energy",
    unit: "J",
    wrapsAt: TURN_J,
  } as const;
  log.declareTelemetry(channel);
  for (let s = 0; s < 600; s++) {
    if (s > 200 && s < 200 + silenceS) continue;
    const t = instant<"host">(session.hostEpoch + BigInt(s) * 10n ** 9n);
    const value = (60_000 + 400 * s) % TURN_J;
    log.read({ channel: channel.name, before: t, after: t, stamp: null, value, code: 0 });
  }
  log.close();
  const scan = scanCapture(path);
  return textsOf(findingsOf({ scan, clocks: fitClocks(scan) }));
}

test("a silence in which a counter may have wrapped twice is told, one turn is counted", () => {
  expect(told(150).join()).not.toMatch(/wrapped/);
  expect(told(170).filter((w) => w.includes("wrapped"))).toEqual([
    expect.stringMatching(/rapl\.package-0: no read for 170 s.*every 16[23] s/),
  ]);
});
