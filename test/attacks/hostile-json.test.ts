// Logs whose checksums are right and whose JSON is anybody's: session, rig, environment, device, origin, marks,
// notes, edges, clock messages, channels, each changed in one place or several. Every command ends in a
// line, a flag or a result; "a bug in truejoule" never.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { command as compareCommand } from "../../cli/compare.ts";
import { command as exportCommand } from "../../cli/export.ts";
import { command as fuseCommand } from "../../cli/fuse.ts";
import { command as recoverCommand } from "../../cli/recover.ts";
import { command as reportCommand } from "../../cli/report.ts";
import { command as verifyCommand } from "../../cli/verify.ts";
import type { Command } from "../../cli/command.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { McapFile } from "../../capture/mcap-file.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { HOPPER } from "../../virtual/bench/telemetry.ts";
import { type Random, random } from "../../stats/random.ts";
import { ALIGN } from "../../schema/documents/align.ts";
import { COMPARE } from "../../schema/documents/compare.ts";
import { misfitText } from "../../schema/documents/document.ts";
import { sessionFromJson, sessionToJson } from "../../schema/session.ts";
import { call } from "../end-to-end/call.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

const SEEDS = Number(process.env["TRUEJOULE_SEEDS"] ?? 1);

let dir: string;
let log: string;
let places = 0;
const place = (): string => {
  const path = join(dir, String(++places));
  mkdirSync(path);
  return path;
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-hostile-json-"));
  const telemetry = [HOPPER[0]!, HOPPER[3]!];
  await writeVirtualCapture(join(dir, "whole"), { seed: 3, durationS: 0.4, telemetry });
  log = join(dir, "whole", "capture.mcap");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What stands in place of a value: of every type, at every end. */
const strange = (r: Random): Json => {
  const deep = (n: number): Json => (n === 0 ? [] : [deep(n - 1)]);
  const all: (() => Json)[] = [
    ...[
      null,
      true,
      0,
      -1,
      1.5,
      1e308,
      -1e308,
      5e-324,
      2 ** 53,
      "",
      "x",
      "\x1b[2J\u202e",
      "nan",
    ].map((v) => () => v),
    ...[
      [],
      {},
      [null],
      [[1, 2], [3]],
      { x: null },
      { __proto__: { x: 1 } },
      "-1",
      "9".repeat(19),
    ].map((v) => () => v),
    () => "9".repeat(400),
    () => "y".repeat(100_000),
    () => deep(200),
    () => Array.from({ length: 2000 }, (_, i) => i),
    () => "__proto__",
    () => "constructor",
  ];
  return all[r.integer(all.length)]!();
};

/** One place of the value changed: another value, none, one more, a key by another name, a list repeated. */
function mutate(value: Json, r: Random): Json {
  if (typeof value !== "object" || value === null || r.uniform() < 0.15) return strange(r);
  const copy = structuredClone(value);
  if (Array.isArray(copy)) {
    if (copy.length === 0 || r.uniform() < 0.2) return [...copy, strange(r)];
    const i = r.integer(copy.length);
    if (r.uniform() < 0.1) return [...copy, ...copy, ...copy];
    if (r.uniform() < 0.1) return copy.filter((_, k) => k !== i);
    copy[i] = mutate(copy[i]!, r);
    return copy;
  }
  const keys = Object.keys(copy);
  if (keys.length === 0 || r.uniform() < 0.1) return { ...copy, [`k${r.integer(9)}`]: strange(r) };
  const key = keys[r.integer(keys.length)]!;
  const old = copy[key]!;
  if (r.uniform() < 0.2) delete copy[key];
  if (r.uniform() < 0.1) copy["__proto__x"] = old;
  else if (key in copy) copy[key] = mutate(old, r);
  return copy;
}

const commands: [string, Command, (run: string) => Record<string, string | boolean>][] = [
  ["verify", verifyCommand, () => ({})],
  ["compare", compareCommand, () => ({ all: true })],
  ["fuse", fuseCommand, () => ({})],
  ["report", reportCommand, () => ({})],
  ["export", exportCommand, (run) => ({ perfetto: join(run, "..", `${places}.perfetto`) })],
  ["nvml", exportCommand, (run) => ({ "nvml-csv": join(run, "..", `${places}.csv`) })],
  ["raw", exportCommand, (run) => ({ csv: join(run, "..", `${places}.raw`), raw: true })],
  ["recover", recoverCommand, (run) => ({ out: `${run}-recovered` })],
];

/** What ended in a way that no user should see. */
async function bugs(run: string): Promise<string[]> {
  const found: string[] = [];
  for (const [name, command, options] of commands) {
    const { error, code, warnings } = await call(command, [run], options(run));
    const e: (Error & { tag?: string; code?: string; path?: string }) | null = error;
    if (e && e.tag === undefined && !(e.code !== undefined && e.path !== undefined))
      found.push(`${name}: ${e.stack}`);
    else if (e && (e.message.includes("\n") || e.message.length > 3000))
      found.push(`${name}: not one line: ${e.message.slice(0, 200)}`);
    else if (!e && ![0, 1, 3].includes(code!)) found.push(`${name}: code ${code}`);
    if (warnings.some((w) => /undefined|\[object/.test(w)))
      found.push(`${name}: ${warnings.find((w) => /undefined|\[object/.test(w))!.slice(0, 200)}`);
  }
  found.push(...unfit(run));
  rmSync(run, { recursive: true, force: true });
  rmSync(`${run}-recovered`, { recursive: true, force: true });
  return found;
}

/** Documents that fuse wrote and that no reader would take. */
function unfit(run: string): string[] {
  const written = [
    [join(run, "align.json"), ALIGN],
    [join(run, "compare.json"), COMPARE],
  ] as const;
  return written.flatMap(([path, definition]) => {
    if (!existsSync(path)) return [];
    const wrong = misfitText(JSON.parse(readFileSync(path, "utf8")), definition);
    return wrong === null ? [] : [`${path}: ${wrong}`];
  });
}

const toJson = (v: unknown): Json =>
  JSON.parse(JSON.stringify(v, (_k, x: unknown) => (typeof x === "bigint" ? `${x}n` : x))) as Json;
/** Times become whole numbers again where they still are. */
const fromJson = (v: Json): never =>
  JSON.parse(JSON.stringify(v), (_k, x: unknown) =>
    typeof x === "string" && /^-?\d+n$/.test(x) ? BigInt(x.slice(0, -1)) : x,
  ) as never;

test.each(["rig.json", "environment.json", "device.json", "origin.json", "truth.json"])(
  "C6: %s changed anywhere",
  async (name) => {
    const r = random(1, name);
    for (let seed = 0; seed < 8 * SEEDS; seed++) {
      const run = place();
      let had: Json | undefined;
      rewrite(log, join(run, "capture.mcap"), (x) => {
        if (x.kind === "session") return [x, ...extra(name)];
        if (x.kind !== "attachment" || x.name !== name) return [x];
        had = JSON.parse(Buffer.from(x.data).toString()) as Json;
        return [{ ...x, data: Buffer.from(JSON.stringify(mutate(had, r))) }];
      });
      function extra(wanted: string) {
        // A virtual capture has neither.
        const made: Record<string, Json> = {
          "device.json": { model: "x", channels: [{ channel: 0, name: "adc0", skew_ns: 100 }] },
          "origin.json": { files: [{ name: "x", bytes: 3, sha256: "00" }] },
        };
        const value = made[wanted];
        if (value === undefined) return [];
        const data = Buffer.from(JSON.stringify(mutate(value, r)));
        return [{ kind: "attachment", name: wanted, mediaType: "application/json", data }] as const;
      }
      expect([name, seed, await bugs(run)]).toEqual([name, seed, []]);
    }
  },
  600_000,
);

test.each(["mark", "note", "edge", "pair", "exchange", "layout", "channel", "read"])(
  "C6: a %s changed anywhere",
  async (kind) => {
    const r = random(2, kind);
    for (let seed = 0; seed < 6 * SEEDS; seed++) {
      const run = place();
      const k = r.integer(4);
      try {
        rewrite(log, join(run, "capture.mcap"), (x, n) => {
          if (x.kind !== kind || n % 4 !== k % (kind === "mark" ? 4 : 1)) return [x];
          const value = (x as unknown as Record<string, unknown>)[kind];
          return [{ ...x, [kind]: fromJson(mutate(toJson(value), r)) }];
        });
      } catch {
        continue; // what the writer itself cannot write: another stream, no bytes
      }
      expect([kind, seed, await bugs(run)]).toEqual([kind, seed, []]);
    }
  },
  600_000,
);

test("C6: session.json changed anywhere: one line that says what is wrong, or a session", async () => {
  const r = random(3, "session");
  let session: Json = null;
  for (const x of readCapture(log))
    if (x.kind === "session") session = JSON.parse(sessionToJson(x.session)) as Json;
  let refused = 0;
  for (let seed = 0; seed < 60 * SEEDS; seed++) {
    const changed = mutate(session, r);
    const text = JSON.stringify(changed);
    try {
      const { hostEpoch, startUnix, labels } = sessionFromJson(text);
      for (const t of [hostEpoch, startUnix ?? 0n]) expect(BigInt.asIntN(64, t)).toBe(t);
      expect(Object.values(labels).every((l) => typeof l === "string")).toBe(true);
    } catch (error) {
      expect(error).toMatchObject({ name: "InputError" });
      expect((error as Error).message).toMatch(/^session header/);
      expect((error as Error).message.length).toBeLessThan(400);
      refused++;
    }
    if (seed % 4 > 0) continue;
    const run = place();
    const file = new McapFile(join(run, "capture.mcap"), "truejoule 0");
    file.attach("session.json", "application/json", Buffer.from(text));
    file.close([]);
    expect([text.slice(0, 300), await bugs(run)]).toEqual([text.slice(0, 300), []]);
  }
  expect(refused).toBeGreaterThan(20);
  for (const [text, said] of [
    [`{"schema":"session/1","labels":null}`, /id: expected text, found nothing/],
    [
      JSON.stringify({ ...(session as object), labels: null }),
      /labels: expected an object, found null/,
    ],
    [
      JSON.stringify({ ...(session as object), host_epoch_ns: "9".repeat(400) }),
      /host_epoch_ns: expected a whole number of 64 bits, as text, found "9{59}… \(402 characters\)/,
    ],
    ["null", /session header is no object/],
    [`{"schema":"session/9"}`, /session header is "session\/9", this build reads session\/1/],
  ] as const)
    expect(() => sessionFromJson(text)).toThrow(said);
}, 600_000);
