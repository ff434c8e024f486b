// A seal of the log's hash chain (docs/capture.md, "The chain") ↔ its record. One form only: a record that
// is not byte for byte what `sealRecord` makes of it is no seal.

export interface Seal {
  /** From 0. */
  readonly link: number;
  /** Directly before the seal's record, and sealed by it. */
  readonly bytes: number;
  /** Of those bytes; lower-case hexadecimal. */
  readonly sha256: string;
}

/** What a chain comes to: who knows both can tell whether a log is the one that was written. */
export interface ChainHead {
  /** `sha256` of the last seal. */
  readonly head: string;
  /** Number of seals. */
  readonly links: number;
}

const METADATA = 0x0c;
const PREFIX = 9;
const NAME = "truejoule.seal";
/** Longer is no seal: two numbers up to 2^53 and a hash. */
export const MAX_SEAL = 256;

export function sealRecord({ link, bytes, sha256 }: Seal): Buffer {
  const map = Buffer.concat(
    ["link", String(link), "bytes", String(bytes), "sha256", sha256].map(text),
  );
  const body = Buffer.concat([text(NAME), u32(map.length), map]);
  const prefix = Buffer.alloc(PREFIX);
  prefix[0] = METADATA;
  prefix.writeBigUInt64LE(BigInt(body.length), 1);
  return Buffer.concat([prefix, body]);
}

/** @param record a whole MCAP record, prefix included. @returns undefined when it is no seal. */
export function readSeal(record: Buffer): Seal | undefined {
  if (record[0] !== METADATA || record.length > MAX_SEAL) return undefined;
  const pattern =
    /truejoule\.seal.{8}link.{4}(\d{1,16}).{4}bytes.{4}(\d{1,16}).{4}sha256.{4}([0-9a-f]{64})$/s;
  const found = pattern.exec(record.toString("latin1"));
  if (!found) return undefined;
  const seal = { link: Number(found[1]), bytes: Number(found[2]), sha256: found[3]! };
  const exact = Number.isSafeInteger(seal.link) && Number.isSafeInteger(seal.bytes);
  return exact && sealRecord(seal).equals(record) ? seal : undefined;
}

function text(s: string): Buffer {
  return Buffer.concat([u32(s.length), Buffer.from(s, "latin1")]);
}

function u32(n: number): Buffer {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(n);
  return b;
}
