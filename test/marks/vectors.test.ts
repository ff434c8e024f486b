// Golden bytes and lines: C, Python and TypeScript must lay down and read the same.

import { closeSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { HEADER_BYTES, Kind, SLOT_BYTES, Slot } from "../../marks/layout.ts";
import { parseLine } from "../../marks/line.ts";
import { createRing } from "../../marks/ring-file.ts";
import {
  type FieldValue,
  decodeSlot,
  encodeSlot,
  slotBuffer,
  type SlotMark,
} from "../../marks/slot.ts";
import { compileWriter, hasGcc, hasPython, python, run } from "./programs.ts";

interface SlotVector {
  about: string;
  kind: Kind;
  name: string;
  t: string;
  aux: string;
  id: string;
  fields: ["i" | "f" | "b" | "s", string, string][];
  truncated: boolean;
  slot: string;
}
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8")) as {
    vectors: unknown[];
  };
const slots = read("marks-slots.json").vectors as SlotVector[];
const lines = read("marks-lines.json").vectors as { line: string; expect: unknown }[];

/** JavaScript has one number: integers that it cannot hold are left to the other languages. */
const exact = (v: SlotVector) =>
  v.fields.every(([type, , text]) => type !== "i" || Number.isSafeInteger(+text));

function value(type: string, text: string): FieldValue {
  if (type === "b") return text === "1";
  if (type === "s") return text;
  return Number.isSafeInteger(+text) || type === "f" ? +text : text;
}

const noNames = () => undefined;

const fieldsOf = (v: SlotVector) =>
  Object.fromEntries(v.fields.map(([type, key, text]) => [key, value(type, text)]));

describe("slots", () => {
  test.each(slots.filter(exact))("Node writes: $about", (v) => {
    const out = slotBuffer();
    const numbers = { t: BigInt(v.t), aux: BigInt(v.aux), id: BigInt(v.id), pid: 0, tid: 0 };
    const used = encodeSlot({ kind: v.kind, name: v.name, ...numbers, fields: fieldsOf(v) }, out);
    expect(out.bytes.toString("hex", Slot.t, used)).toBe(v.slot);
  });

  test.each(slots)("reader: $about", (v) => {
    const slot = slotBuffer();
    slot.bytes.write(v.slot, Slot.t, "hex");
    const mark = decodeSlot(slot, 0, noNames)!;
    const { pid, tid, ...fields } = mark.fields;
    expect([pid, tid]).toEqual([0, 0]);
    expect({ ...mark, fields: null }).toEqual({
      kind: v.kind,
      name: v.truncated ? expect.any(String) : v.name,
      t: BigInt(v.t),
      aux: BigInt(v.aux),
      id: BigInt(v.id),
      fields: null,
      truncated: v.truncated,
    });
    expect(v.name.startsWith(mark.name)).toBe(true);
    if (v.truncated) expect(fieldsOf(v)).toMatchObject(fields);
    else expect(fields).toEqual(fieldsOf(v));
  });

  const c = hasGcc ? test : test.skip;
  c(`C writes them all${hasGcc ? "" : " (skipped: no gcc on this machine)"}`, async () => {
    const writer = compileWriter();
    const folder = mkdtempSync(join(tmpdir(), "truejoule-vectors-"));
    closeSync(createRing(join(folder, "shared.ring"), 16, 0));
    for (const v of slots) {
      const fields = v.fields.map((f) => f.join(":"));
      const args = ["emit", String(v.kind), v.name, v.t, v.aux, v.id, ...fields];
      expect((await run(writer.path, args, { TRUEJOULE_MARKS: folder })).code).toBe(0);
    }
    const bytes = readFileSync(join(folder, "shared.ring"));
    slots.forEach((v, i) => {
      const at = HEADER_BYTES + i * SLOT_BYTES;
      bytes.fill(0, at + Slot.pid, at + Slot.kind);
      expect(bytes.toString("hex", at + Slot.t, at + Slot.t + v.slot.length / 2)).toBe(v.slot);
      expect(bytes.readBigUInt64LE(at)).toBe(BigInt(2 * i + 2));
    });
    rmSync(folder, { recursive: true });
    writer.remove();
  });

  c("C fills a slot to its last byte and not beyond", async () => {
    const writer = compileWriter();
    const folder = mkdtempSync(join(tmpdir(), "truejoule-vectors-"));
    closeSync(createRing(join(folder, "shared.ring"), 16, 0));
    // Of 208 bytes of payload the name takes one, the head of a text field four.
    const fits = [202, 203, 204, 205].map((n) => [`s:k:${"x".repeat(n)}`]);
    const last = [191, 192, 193].map((n) => [`s:k:${"x".repeat(n)}`, "i:n:-1"]);
    for (const fields of [...fits, ...last])
      await run(writer.path, ["emit", "3", "n", "1", "0", "0", ...fields], {
        TRUEJOULE_MARKS: folder,
      });
    const bytes = readFileSync(join(folder, "shared.ring")).subarray(HEADER_BYTES);
    const slot = slotBuffer(16);
    bytes.copy(slot.bytes);
    const got = [...fits, ...last].map((_, i) => {
      const mark = decodeSlot(slot, i * SLOT_BYTES, noNames);
      return [bytes.readBigUInt64LE(i * SLOT_BYTES), mark?.truncated, Object.keys(mark!.fields)];
    });
    const own = ["pid", "tid"];
    expect(got).toEqual([
      [2n, false, [...own, "k"]],
      [4n, false, [...own, "k"]],
      [6n, true, own],
      [8n, true, own],
      [10n, false, [...own, "k", "n"]],
      [12n, false, [...own, "k", "n"]],
      [14n, true, [...own, "k"]],
    ]);
    expect(bytes.readBigUInt64LE(7 * SLOT_BYTES)).toBe(0n);
    rmSync(folder, { recursive: true });
    writer.remove();
  });

  const py = hasPython ? test : test.skip;
  py(`Python writes those of its kinds${hasPython ? "" : " (skipped: no python3)"}`, async () => {
    const file = new URL("../vectors/marks-slots.json", import.meta.url).pathname;
    const { stdout, stderr } = await python(`
import json
from truejoule._slot import encode
make = {"i": int, "f": float, "b": lambda v: v == "1", "s": str}
for v in json.load(open(${JSON.stringify(file)}))["vectors"]:
    fields = {key: make[kind](text) for kind, key, text in v["fields"]}
    slot = encode(v["kind"], v["name"], int(v["t"]), int(v["id"]), 0, 0, fields)
    print(slot.hex())
`);
    expect(stderr).toBe("");
    const written = stdout.trim().split("\n");
    expect(written).toHaveLength(slots.length);
    slots.forEach((v, i) => v.aux === "0" && expect(written[i]).toBe(v.slot));
  });
});

describe("slots that are no marks", () => {
  test("random and damaged bytes are refused or read, never thrown at", () => {
    const slot = slotBuffer();
    let x = 12345;
    const byte = () => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) >>> 24;
    let refused = 0;
    for (let n = 0; n < 20_000; n++) {
      const v = slots[n % slots.length]!;
      slot.bytes.fill(0);
      slot.bytes.write(v.slot, Slot.t, "hex");
      for (let k = byte() % 4; k >= 0; k--) slot.bytes[Slot.kind + (byte() % 216)] = byte();
      if (!decodeSlot(slot, 0, noNames)) refused++;
    }
    expect(refused).toBeGreaterThan(500);
  });
});

describe("lines", () => {
  test.each(lines)("$line", ({ line, expect: expected }) => {
    const found = parseLine(line);
    if (expected === null || typeof expected === "string") expect(found).toBe(expected);
    else {
      const { t, ...rest } = found as { t: bigint | null };
      expect({ ...rest, ...(t === null ? {} : { t: t.toString() }) }).toEqual({
        fields: {},
        ...(expected as object),
      });
    }
  });
});

const bare = { kind: Kind.instant, t: 1n, aux: 0n, id: 0n, pid: 1, tid: 1 };

test("what an untyped program passes by mistake is left out, flagged, and never throws", () => {
  const odd = { a: null, b: undefined, c: 10n ** 30n, d: {}, e: Symbol("x"), kept: 1 };
  const slot = slotBuffer();
  encodeSlot({ ...bare, name: 5, fields: odd } as unknown as SlotMark, slot);
  const { name, fields, truncated } = decodeSlot(slot, 0, noNames)!;
  expect([name, fields, truncated]).toEqual(["<number>", { kept: 1, pid: 1, tid: 1 }, true]);
  for (const name of [{ toString: () => Symbol() }, null, () => 1, Symbol("x")]) {
    encodeSlot({ ...bare, name, fields: {} } as unknown as SlotMark, slot);
    expect(decodeSlot(slot, 0, noNames)!.name).toMatch(/^<(object|null|function|symbol)>$/);
  }
});
