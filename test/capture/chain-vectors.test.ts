import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { headProblems } from "../../capture/chain-check.ts";
import { captureIdentity } from "../../capture/identity.ts";
import { readSeal } from "../../capture/seal.ts";
import { problemsOf, verifyLog } from "../../capture/verify.ts";
import { scratch, sweep } from "./small-log.ts";

afterEach(sweep);

interface Vectors {
  readonly head: string;
  readonly links: number;
  readonly seals: readonly { link: number; at: number; bytes: number; sha256: string }[];
  readonly spoiled: readonly { name: string; hex: string; broken_links: number[] }[];
}

const at = (name: string): string => new URL(`../vectors/${name}`, import.meta.url).pathname;
const vectors = JSON.parse(readFileSync(at("chain.json"), "utf8")) as Vectors;
const known = { by: "chain.json", head: vectors.head, links: vectors.links };

describe("a log written by hand, from docs/capture.md alone", () => {
  test("its seals are where and what they should be, and its head is met", () => {
    const bytes = readFileSync(at("chain.mcap"));
    for (const { at: begins, ...seal } of vectors.seals) {
      const length = 9 + Number(bytes.readBigUInt64LE(begins + 1));
      expect(readSeal(bytes.subarray(begins, begins + length))).toEqual(seal);
    }
    const { head, links } = vectors;
    expect(captureIdentity(at("chain.mcap")).chain).toEqual({ head, links });
    const log = verifyLog(at("chain.mcap"), undefined, [known]);
    expect([problemsOf(log), headProblems(log.chain, [known])]).toEqual([[], []]);
    expect(log.marks).toBe(3);
  });

  test.each(vectors.spoiled)("$name", ({ hex, broken_links }) => {
    const path = join(scratch(), "c.mcap");
    writeFileSync(path, Buffer.from(hex, "hex"));
    const { chain } = verifyLog(path, undefined, [known]);
    const named = chain.broken.map((p) => Number(/^links? (\d+)/.exec(p)![1]));
    expect(named).toEqual(broken_links);
    if (named.length === 0) expect(headProblems(chain, [known])).toHaveLength(1);
  });

  test("the checked-in files are what the script makes", () => {
    const dir = scratch();
    const script = new URL("../../scripts/make-chain-vectors.py", import.meta.url).pathname;
    const made = spawnSync("python3", [script, dir], { encoding: "utf8" });
    if (made.error) return; // no Python here: the files themselves are checked above
    expect(made.stderr).toBe("");
    for (const name of ["chain.mcap", "chain.json"])
      expect(readFileSync(join(dir, name)).equals(readFileSync(at(name)))).toBe(true);
  });
});
