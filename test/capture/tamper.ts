// A log taken apart into its data records, to be changed as a forger would: every checksum of MCAP is mended,
// and a footer is put behind it. Seals are left as they are unless they are made again.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { Op } from "../../capture/mcap-records.ts";
import { readSeal, sealRecord } from "../../capture/seal.ts";

/** Whole records of the data section, prefix included, without DataEnd. */
export function recordsOf(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const out: Buffer[] = [];
  for (let at = 8; bytes[at] !== Op.dataEnd;) {
    const end = at + 9 + Number(bytes.readBigUInt64LE(at + 1));
    out.push(bytes.subarray(at, end));
    at = end;
  }
  return out;
}

const MAGIC = Buffer.from("894d434150300d0a", "hex");

/** A log of these records with a right DataEnd and a right footer without a summary. */
export function writeRecords(path: string, records: readonly Buffer[]): void {
  const data = Buffer.concat([MAGIC, ...records]);
  const dataEnd = Buffer.alloc(13);
  dataEnd[0] = Op.dataEnd;
  dataEnd.writeBigUInt64LE(4n, 1);
  dataEnd.writeUInt32LE(crc32(data), 9);
  const footer = Buffer.alloc(29);
  footer[0] = Op.footer;
  footer.writeBigUInt64LE(20n, 1);
  footer.writeUInt32LE(crc32(footer.subarray(0, 25)), 25);
  writeFileSync(path, Buffer.concat([data, dataEnd, footer, MAGIC]));
}

/** Indices of the n-th link's records: up to its seal, which is the last. */
export function linkAt(records: readonly Buffer[], n: number): [from: number, to: number] {
  const seals = records.flatMap((r, i) => (r[0] === Op.metadata ? [i] : []));
  return [n === 0 ? 0 : seals[n - 1]! + 1, seals[n]! + 1];
}

/** The chunk with the last digit of its last mark changed, and its checksum mended. */
export function editedChunk(chunk: Buffer): Buffer {
  const b = Buffer.from(chunk);
  b[b.length - 3]! ^= 1;
  b.writeUInt32LE(crc32(b.subarray(49)), 33);
  return b;
}

/** An attachment of that name and text. */
export function attachment(name: string, text: string): Buffer {
  const [n, type, data] = [name, "application/json", text].map((s) => Buffer.from(s));
  const body = Buffer.alloc(16 + 4 + n!.length + 4 + type!.length + 8 + data!.length);
  let at = body.writeUInt32LE(n!.length, 16);
  at += n!.copy(body, at);
  at = body.writeUInt32LE(type!.length, at);
  at += type!.copy(body, at);
  at = body.writeBigUInt64LE(BigInt(data!.length), at);
  data!.copy(body, at);
  const out = Buffer.alloc(9 + body.length + 4);
  out[0] = Op.attachment;
  out.writeBigUInt64LE(BigInt(body.length + 4), 1);
  body.copy(out, 9);
  out.writeUInt32LE(crc32(body), 9 + body.length);
  return out;
}

/** The same records with the whole chain made again. */
export function resealed(records: readonly Buffer[]): Buffer[] {
  let [link, start, position] = [0, 0, MAGIC.length];
  let open: Buffer[] = [MAGIC];
  return records.map((r) => {
    let out = r;
    if (readSeal(r)) {
      const sha256 = createHash("sha256").update(Buffer.concat(open)).digest("hex");
      out = sealRecord({ link: link++, bytes: position - start, sha256 });
      start = position;
      open = [];
    }
    open.push(out);
    position += out.length;
    return out;
  });
}
