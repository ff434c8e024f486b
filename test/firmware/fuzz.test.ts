// A short run of the fuzzer; firmware/fuzz.ts runs the long one.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { buildFuzzer } from "../../firmware/core-builds.ts";
import { fuzz } from "../../firmware/fuzz.ts";
import { hasTool } from "../../firmware/toolchain.ts";

const withGcc = hasTool("gcc") ? test : test.skip;

withGcc(
  "two million command bytes, cut, mutated and random, break nothing (needs gcc)",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "truejoule-fuzz-"));
    try {
      const account = JSON.parse(await fuzz(buildFuzzer(folder), 2e6, 1)) as Record<string, number>;
      expect(account["bytes"]).toBeGreaterThanOrEqual(2e6);
      // It reached what it was to reach: right and wrong frames, both answers of the transport, storage,
      // a sensor that is read and one that is not, latches that fit and others.
      for (const what of [
        "frames",
        "bad",
        "other_version",
        "replies",
        "without_room",
        "stores",
        "runs",
        "ina226_readings",
        "ina226_not_read",
        "edges",
        "latches_refused",
      ])
        expect([what, account[what]! > 0]).toEqual([what, true]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);
