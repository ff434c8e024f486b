// The C client under ThreadSanitizer, AddressSanitizer and UBSan, its threads lapping each other in a tiny
// ring. A compiler without a sanitizer's runtime skips that one, and says so.

import { describe, expect, test } from "@jest/globals";
import { Collected, record } from "./collect.ts";
import { compileWriter, hasGcc, run } from "./programs.ts";

/** ThreadSanitizer of older compilers fails under strong address randomisation: run without. */
const fixed = (path: string, args: string[]) => ["setarch", ["-R", path, ...args]] as const;

function available(flag: string): boolean {
  const writer = hasGcc ? compileWriter(flag) : undefined;
  writer?.remove();
  return writer?.error === "";
}

const sanitizers = ["thread", "address,undefined"].map((name) => ({
  name,
  flags: [`-fsanitize=${name}`, "-fno-sanitize-recover=all", "-g"],
}));

describe("C client under sanitizers", () => {
  for (const { name, flags } of sanitizers) {
    const present = available(flags[0]!);
    (present ? test : test.skip)(
      `-fsanitize=${name}${present ? "" : " (skipped: not with this compiler)"}`,
      async () => {
        const writer = compileWriter(...flags);
        expect(writer.error).toBe("");
        const sink = new Collected();
        const { result, totals } = await record(
          sink,
          async (environment) => {
            const go = (...args: string[]) => run(...fixed(writer.path, args), environment);
            const killed = await go("die");
            const burst = ["burst", "20000", "4", "0", "0"];
            return [
              killed,
              ...(await Promise.all([go(...burst), go(...burst), go("api"), go("fork")])),
            ];
          },
          8,
        );
        expect(result.map((r) => r.stderr)).toEqual(Array(5).fill(""));
        expect(result.map((r) => r.code ?? r.signal)).toEqual(["SIGKILL", 0, 0, 0, 0]);
        expect(totals.received + totals.lost).toBe(160_000 + 2 + 10 + 3);
        writer.remove();
      },
      60_000,
    );
  }
});
