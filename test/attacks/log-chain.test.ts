import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { command as recover } from "../../cli/recover.ts";
import { headProblems, type KnownHead } from "../../capture/chain-check.ts";
import { captureIdentity } from "../../capture/identity.ts";
import { Op } from "../../capture/mcap-records.ts";
import { recoverLog } from "../../capture/recover.ts";
import { problemsOf, verifyLog } from "../../capture/verify.ts";
import { sessionToJson } from "../../schema/session.ts";
import { scratch, session, sweep, writeLog } from "../capture/small-log.ts";
import { call } from "../end-to-end/call.ts";
import {
  attachment,
  editedChunk,
  linkAt,
  recordsOf,
  resealed,
  writeRecords,
} from "../capture/tamper.ts";

let good: string;
let bad: string;
let records: Buffer[];
/** What fuse notes of the untouched log: links 0 and 1 are attachments, link n ≥ 2 is chunk n − 1. */
let known: KnownHead;

beforeEach(() => {
  const dir = scratch();
  [good, bad] = [join(dir, "good.mcap"), join(dir, "bad.mcap")];
  writeLog(good, 6);
  records = recordsOf(good);
  known = { by: "fused.arrow", ...captureIdentity(good).chain! };
});
afterEach(sweep);

/** What verify finds when the file beside the log knows its head: contradictions to the head, broken links. */
function found(path = bad): { head: string[]; broken: readonly string[]; all: string[] } {
  const log = verifyLog(path, undefined, [known]);
  return {
    head: headProblems(log.chain, [known]),
    broken: log.chain.broken,
    all: problemsOf(log),
  };
}

function without(from: number, to: number): Buffer[] {
  return [...records.slice(0, from), ...records.slice(to)];
}

describe("C2: a log that was changed, checksums mended", () => {
  test("an untouched one ends in the head that is known, and its records written again are the same log", () => {
    expect(found(good)).toEqual({ head: [], broken: [], all: [] });
    writeRecords(bad, records);
    expect(found()).toEqual({ head: [], broken: [], all: [] });
    writeRecords(bad, resealed(records));
    expect(found()).toEqual({ head: [], broken: [], all: [] });
  });

  test.each([1, 3, 6])("an edited chunk %i is named, with its place", (n) => {
    const [from] = linkAt(records, n + 1);
    const at = 8 + records.slice(0, from).reduce((sum, r) => sum + r.length, 0);
    writeRecords(
      bad,
      records.map((r, i) => (i === from ? editedChunk(r) : r)),
    );
    const { broken, all } = found();
    expect(broken).toEqual([
      expect.stringMatching(
        new RegExp(`^link ${n + 1} is not what was sealed: chunk ${n} at byte ${at} \\(bytes`),
      ),
    ]);
    expect(all[0]).toBe(broken[0]);
  });

  test("a cut tail under a new footer", () => {
    const [from] = linkAt(records, 6);
    writeRecords(bad, records.slice(0, from));
    expect(found()).toMatchObject({
      head: [expect.stringMatching(/^the tail is cut: 2 of the 8 links that fused\.arrow knows/)],
      broken: [],
    });
    expect(problemsOf(verifyLog(bad))).toEqual([]); // which is why no such log is called clean
  });

  test("a removed, a moved and a doubled link", () => {
    const [from, to] = linkAt(records, 4);
    writeRecords(bad, without(from, to));
    expect(found().broken).toEqual([expect.stringMatching(/^link 4 is missing before byte \d+$/)]);
    const [next, end] = linkAt(records, 5);
    const link = records.slice(from, to);
    writeRecords(bad, [
      ...records.slice(0, from),
      ...records.slice(next, end),
      ...link,
      ...records.slice(end),
    ]);
    expect(found().broken).toEqual([
      expect.stringMatching(/^link 4 is missing/),
      expect.stringMatching(/^link 4 stands out of place at byte \d+, behind link 5$/),
      expect.stringMatching(/^link 5 is missing/),
    ]);
    writeRecords(bad, [...records.slice(0, to), ...link, ...records.slice(to)]);
    expect(found().broken).toEqual([
      expect.stringMatching(/^link 4 stands again at byte \d+, behind link 4$/),
    ]);
  });

  test("a chunk removed from its link, and one put behind the last seal", () => {
    const [from, to] = linkAt(records, 4);
    writeRecords(bad, without(from, to - 1));
    expect(found().broken).toEqual([
      expect.stringMatching(/^link 4 is not what was sealed: nothing is left in it/),
    ]);
    writeRecords(bad, [...records, ...records.slice(from, to - 1)]);
    expect(found().broken).toEqual([
      expect.stringMatching(/^chunk 7 at byte \d+ follows the last seal$/),
    ]);
  });

  test("another attachment in the place of the first, and a second session record", () => {
    const at = records.findIndex((r) => r[0] === Op.attachment);
    const forged = attachment("session.json", sessionToJson({ ...session, source: "hardware" }));
    writeRecords(
      bad,
      records.map((r, i) => (i === at ? forged : r)),
    );
    expect(found().broken).toEqual([
      expect.stringMatching(/^link 0 is not what was sealed: session\.json at byte/),
    ]);
    writeRecords(bad, [...records.slice(0, at + 2), forged, ...records.slice(at + 2)]);
    const { all, broken } = found();
    expect(broken).toHaveLength(1);
    expect(all).toContainEqual(
      expect.stringMatching(/^attachment at byte \d+ .*: a second session\.json; the first holds$/),
    );
    expect(verifyLog(bad).session.source).toBe("virtual");
  });

  test("a chain made again over the change is not the log that the files were made from", () => {
    const [from] = linkAt(records, 4);
    const edited = records.map((r, i) => (i === from ? editedChunk(r) : r));
    writeRecords(bad, resealed(edited));
    expect(found()).toMatchObject({
      head: [expect.stringMatching(/^not the log that fused\.arrow knows: it was rewritten/)],
      broken: [],
      all: [],
    });
    writeRecords(
      bad,
      records.filter((r) => r[0] !== Op.metadata),
    );
    expect(found().head).toEqual(["no seals, though fused.arrow knows a chain of 8 links"]);
  });

  test("two logs in one file, with or without the second magic", () => {
    const whole = readFileSync(good);
    for (const second of [whole, whole.subarray(8)]) {
      writeFileSync(bad, Buffer.concat([whole, second]));
      expect(found().all).toEqual([
        expect.stringMatching(/bytes behind the end of the log \(another log\?\) are not read$/),
      ]);
    }
  });
});

describe("what recover keeps of a chain", () => {
  test("of a cut log every link, and its head is met", () => {
    const bytes = readFileSync(good);
    const [from] = linkAt(records, 6);
    const at = 8 + records.slice(0, from).reduce((sum, r) => sum + r.length, 0);
    const cut = `${bad}.cut`;
    writeFileSync(cut, bytes.subarray(0, at + 20));
    const head = captureIdentity(cut).chain!;
    expect(head.links).toBe(6);
    const { chain, note } = recoverLog(cut, bad);
    expect(chain).toEqual(head);
    expect(note.text).toContain(`chain head ${head.head} of 6 links`);
    const log = verifyLog(bad, undefined, [{ by: "x", ...head }]);
    expect(log.chain).toMatchObject({ broken: [], brokenBefore: [], chain: { links: 8 } });
    expect(log.chain.met).toEqual(new Map([[head.head, 5]]));
    // The first bytes are the old log's own.
    expect(readFileSync(bad).subarray(0, at)).toEqual(bytes.subarray(0, at));
  });

  test("of a damaged log every link but the damaged one, and the whole is sealed again", () => {
    const bytes = readFileSync(good);
    const [from] = linkAt(records, 4);
    const at = 8 + records.slice(0, from).reduce((sum, r) => sum + r.length, 0);
    bytes[at + 60]! ^= 1;
    const damaged = `${bad}.damaged`;
    writeFileSync(damaged, bytes);
    recoverLog(damaged, bad);
    const { chain } = verifyLog(bad);
    expect(chain.broken).toEqual([]);
    expect(chain.brokenBefore).toEqual([
      expect.stringMatching(/^link 4 is not what was sealed: nothing is left in it/),
    ]);
    // The last seal vouches for the links before the broken one too.
    const copy = recordsOf(bad);
    const [first] = linkAt(copy, 2);
    const forged = copy.map((r, i) => (i === first ? editedChunk(r) : r));
    writeRecords(`${bad}.forged`, forged);
    expect(verifyLog(`${bad}.forged`).chain.broken.length).toBeGreaterThan(0);
  });

  test("a chunk changed before the recovery is copied and named in its note", () => {
    const [from] = linkAt(records, 4);
    const edited = `${bad}.edited`;
    writeRecords(
      edited,
      records.map((r, i) => (i === from ? editedChunk(r) : r)),
    );
    const { note } = recoverLog(edited, bad);
    expect(note.level).toBe("loss");
    expect(note.text).toMatch(/link 4 is not what was sealed: chunk 3 at byte/);
  });

  test("recover --json tells the chain of the log it came from, as verify does", async () => {
    const [from] = linkAt(records, 4);
    const run = join(dirname(bad), "run");
    mkdirSync(run);
    const edited = join(run, "capture.mcap");
    writeRecords(
      edited,
      records.map((r, i) => (i === from ? editedChunk(r) : r)),
    );
    const { document } = await call(recover, [run], { out: join(dirname(bad), "recovered") });
    const { sha256, chain, broken } = verifyLog(edited).chain;
    expect(broken).toHaveLength(1);
    expect(document).toMatchObject({ sha256, chain, chain_broken: broken });
  });
});
