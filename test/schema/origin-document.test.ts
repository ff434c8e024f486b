// origin.json: what an import writes fits its definition; a log whose own is spoiled is not taken for an import of
// the same source, and the message names the place.

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "valibot";
import { readCapture } from "../../capture/log-reader.ts";
import { runPaths } from "../../capture/run.ts";
import { fileSha256 } from "../../capture/sha256.ts";
import { command as importing } from "../../cli/import.ts";
import { ORIGIN } from "../../schema/documents/origin.ts";
import { call, type Outcome } from "../end-to-end/call.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

let dir: string;
let source: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-origin-"));
  source = join(dir, "source.csv");
  const rows = Array.from({ length: 20 }, (_, i) => `${i / 100},12,2`);
  writeFileSync(source, ["TIME,V,I", ...rows, ""].join("\n"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const imported = (out: string, more = {}): Promise<Outcome> =>
  call(importing, ["csv", source], { map: "time=TIME; v.gpu=V; a.gpu=I", out, ...more });

function originOf(run: string): unknown {
  for (const r of readCapture(runPaths(run).capture))
    if (r.kind === "attachment" && r.name === "origin.json")
      return JSON.parse(Buffer.from(r.data).toString());
  return undefined;
}

/** The import's log with this for its origin.json; none where there is nothing. */
function withOrigin(run: string, text: string | null): void {
  const { capture } = runPaths(run);
  rewrite(capture, `${capture}.new`, (r) => {
    if (r.kind !== "attachment" || r.name !== "origin.json") return [r];
    return text === null ? [] : [{ ...r, data: Buffer.from(text) }];
  });
  renameSync(`${capture}.new`, capture);
}

test("an import's fits: name, size and SHA-256 of each source file", async () => {
  const run = join(dir, "whole");
  expect((await imported(run)).code).toBe(0);
  const origin = originOf(run);
  expect(parse(ORIGIN, origin)).toEqual(origin);
  expect(origin).toEqual({
    files: [{ name: "source.csv", bytes: expect.any(Number), sha256: fileSha256(source) }],
  });
  expect((await imported(run)).code).toBe(0);
});

const file = { name: "source.csv", bytes: 1, sha256: "00" };
test.each([
  ["{}", "an origin.json that is none: files: expected a list, found nothing"],
  [
    JSON.stringify({ files: [file, { ...file, sha256: 7 }] }),
    "an origin.json that is none: files[1].sha256: expected text, found 7",
  ],
  ["{", "an origin.json that is none: not JSON"],
  [JSON.stringify({ files: [file] }), "00…"],
  [null, "none that is noted"],
])("one that reads %s is told; --replace replaces it", async (text, found) => {
  const run = mkdtempSync(join(dir, "spoiled-"));
  expect((await imported(run)).code).toBe(0);
  withOrigin(run, text);
  const { error } = await imported(run);
  expect(error).toMatchObject({ tag: "InputError" });
  expect(error!.message).toContain(
    `holds an import of another source; --replace replaces it, or choose another --out (expected sources of SHA-256 ${fileSha256(source).slice(0, 12)}…, found ${found})`,
  );
  expect((await imported(run, { replace: true })).code).toBe(0);
});
