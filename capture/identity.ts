// A log → what identifies it to whoever derives something from it: its SHA-256 and, where it has seals, the
// head of their chain. The head is taken as the last seal states it; verify.ts checks the chain.

import type { CaptureJson } from "../schema/documents/derived.ts";
import { FileBytes } from "./file-bytes.ts";
import { EndMarks } from "./log-end.ts";
import { readFrames } from "./mcap-frames.ts";
import { Op, PREFIX } from "./mcap-records.ts";
import { type ChainHead, MAX_SEAL, readSeal, type Seal } from "./seal.ts";
import { fileSha256 } from "./sha256.ts";

export interface CaptureIdentity {
  readonly sha256: string;
  /** Null where the log has no seals. */
  readonly chain: ChainHead | null;
}

export function captureIdentity(path: string): CaptureIdentity {
  return identityOf(path, fileSha256(path));
}

/** The same of a log whose SHA-256 is known already. */
export function identityOf(path: string, sha256: string): CaptureIdentity {
  const seal = lastSeal(path);
  return {
    sha256,
    chain: seal ? { head: seal.sha256, links: seal.link + 1 } : null,
  };
}

/** Schema metadata of a table made from the log. */
export function identityMetadata({ sha256, chain }: CaptureIdentity): Record<string, string> {
  return {
    capture_sha256: sha256,
    ...(chain ? { capture_chain_head: chain.head, capture_chain_links: String(chain.links) } : {}),
  };
}

/** `capture` of a JSON document made from the log; `chain_head` and `chain_links` null where it has no seals. */
export function identityJson({ sha256, chain }: CaptureIdentity): CaptureJson {
  return { sha256, chain_head: chain?.head ?? null, chain_links: chain?.links ?? null };
}

/** Of a log with its footer, the one before the end of the data; of another, the last that can be read. */
function lastSeal(path: string): Seal | undefined {
  const file = new FileBytes(path);
  try {
    const { dataEnd } = new EndMarks(file);
    const seal = dataEnd === undefined ? undefined : sealBefore(file, dataEnd);
    if (seal) return seal;
  } finally {
    file.close();
  }
  let last: Seal | undefined;
  for (const frame of readFrames(path))
    if (frame.kind === "frame" && frame.opcode === Op.metadata) last = readSeal(frame.bytes);
  return last;
}

/** The seal that ends where DataEnd begins. */
function sealBefore(file: FileBytes, dataEnd: number): Seal | undefined {
  const begins = Math.max(0, dataEnd - MAX_SEAL);
  const bytes = file.read(begins, Buffer.alloc(dataEnd - begins));
  for (let i = bytes.length - PREFIX; i >= 0; i--) {
    const seal = bytes[i] === Op.metadata ? readSeal(bytes.subarray(i)) : undefined;
    if (seal) return seal;
  }
  return undefined;
}
