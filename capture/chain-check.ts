// The frames of a log, in order → whether they are what its seals say (docs/capture.md, "The chain"), and the
// SHA-256 of the file. Reads the file beside whoever reads the frames; holds two running hashes.

import { createHash, type Hash } from "node:crypto";
import { FileBytes } from "./file-bytes.ts";
import type { Damage, Frame } from "./mcap-frames.ts";
import { Op, PREFIX } from "./mcap-records.ts";
import { type ChainHead, readSeal, type Seal } from "./seal.ts";
import { append } from "../schema/lists.ts";

export interface ChainCheck {
  /** Of the whole file. */
  readonly sha256: string;
  /** As the last seal states it; null where there is none. */
  readonly chain: ChainHead | null;
  /** Links and records that contradict the chain though no checksum fails, in words. */
  readonly broken: readonly string[];
  /** The same, where a later seal shows that it was so when the log was recovered. */
  readonly brokenBefore: readonly string[];
  /** What follows the last seal of a log that was cut. */
  readonly unsealed: readonly string[];
  /** Link of each known head that the log has. */
  readonly met: ReadonlyMap<string, number>;
}

/** A head that something outside the log knows. */
export interface KnownHead extends ChainHead {
  /** What knows it: a file's name. */
  readonly by: string;
}

export class ChainReader {
  readonly #file: FileBytes;
  readonly #known: ReadonlySet<string>;
  readonly #window = Buffer.allocUnsafe(1 << 20);
  readonly #all = createHash("sha256");
  #link: Hash = createHash("sha256");
  /** Up to where both hashes have come, and where this link begins. */
  #at = 0;
  #begins = 0;
  #last: Seal | undefined;
  #chunks = 0;
  /** What this link holds, and whether some of it is damage, which is told for itself. */
  #contents: string[] = [];
  #damaged = false;
  #cut = false;
  #broken: string[] = [];
  readonly #brokenBefore: string[] = [];
  readonly #met = new Map<string, number>();

  constructor(path: string, known: readonly ChainHead[] = []) {
    this.#file = new FileBytes(path);
    this.#known = new Set(known.map((k) => k.head));
  }

  /** Every frame and every damage that {@link readFrames} gives, in its order. */
  add(frame: Frame | Damage): void {
    if (!("opcode" in frame)) {
      this.#damaged = true;
      if (frame.what === "cut") this.#cut = true;
    } else if (frame.opcode === Op.metadata) this.#seal(readSeal(frame.bytes)!, frame);
    else if (frame.opcode === Op.chunk)
      this.#contents.push(`chunk ${++this.#chunks} at byte ${frame.offset}`);
    else if (frame.opcode === Op.attachment)
      this.#contents.push(`${attachmentName(frame.bytes)} at byte ${frame.offset}`);
  }

  /** After the last frame; closes the file. */
  finish(): ChainCheck {
    this.#hashTo(this.#file.size);
    this.#file.close();
    const tail = this.#last ? this.#contents : [];
    const unsealed = this.#cut ? tail.map((c) => `${c}: cut before its seal`) : [];
    if (!this.#cut)
      append(
        this.#broken,
        tail.map((c) => `${c} follows the last seal`),
      );
    const { link, sha256 } = this.#last ?? { link: -1, sha256: "" };
    return {
      sha256: this.#all.digest("hex"),
      chain: this.#last ? { head: sha256, links: link + 1 } : null,
      broken: this.#broken,
      brokenBefore: this.#brokenBefore,
      unsealed,
      met: this.#met,
    };
  }

  #seal(seal: Seal, { offset, bytes }: Frame): void {
    this.#hashTo(offset);
    const own = this.#link.digest("hex");
    const problem = this.#problemOf(seal, offset, own);
    if (problem !== undefined) this.#broken.push(problem);
    else if (seal.bytes === offset) append(this.#brokenBefore, this.#broken.splice(0));
    if (this.#known.has(seal.sha256)) this.#met.set(seal.sha256, seal.link);
    this.#last = seal;
    this.#contents = [];
    this.#damaged = false;
    this.#link = createHash("sha256");
    this.#begins = offset;
    this.#hashTo(offset + bytes.length);
  }

  #problemOf(seal: Seal, offset: number, own: string): string | undefined {
    const { link, bytes, sha256 } = seal;
    const whole = bytes === offset; // of the first link, and of a recovery
    const right = whole ? this.#all.copy().digest("hex") : own;
    const order = this.#orderProblem(link, offset);
    if (whole && right === sha256) return order;
    if (this.#damaged) return undefined;
    if (order !== undefined) return order;
    if (right === sha256 && (whole || bytes === offset - this.#begins)) return undefined;
    const what = this.#contents.slice(0, 4).join(", ") || "nothing is left in it";
    return `link ${link} is not what was sealed: ${what} (bytes ${whole ? 0 : this.#begins} to ${offset})`;
  }

  #orderProblem(link: number, offset: number): string | undefined {
    const before = this.#last?.link ?? -1;
    if (link === before + 1) return undefined;
    if (link <= before)
      return `link ${link} stands ${link === before ? "again" : "out of place"} at byte ${offset}, behind link ${before}`;
    const gone = link - before - 1;
    return `${gone === 1 ? `link ${before + 1} is` : `links ${before + 1} to ${link - 1} are`} missing before byte ${offset}`;
  }

  #hashTo(end: number): void {
    while (this.#at < end) {
      const length = Math.min(this.#window.length, end - this.#at);
      const bytes = this.#file.read(this.#at, this.#window.subarray(0, length));
      if (bytes.length === 0) return; // shorter than it was: the frames say so
      this.#all.update(bytes);
      this.#link.update(bytes);
      this.#at += bytes.length;
    }
  }
}

function attachmentName(record: Buffer): string {
  const at = PREFIX + 16;
  return record.toString("utf8", at + 4, at + 4 + record.readUInt32LE(at));
}

/** How a log contradicts the heads that are known of it, in words; empty where it ends in each of them. */
export function headProblems(check: ChainCheck, known: readonly KnownHead[]): string[] {
  const knowers = new Map<string, { first: KnownHead; by: string[] }>();
  for (const k of known) {
    const key = `${k.head} ${k.links}`;
    const entry = knowers.get(key) ?? { first: k, by: [] };
    entry.by.push(k.by);
    knowers.set(key, entry);
  }
  return [...knowers.values()].flatMap(({ first, by }) => headProblem(check, first, by) ?? []);
}

function headProblem(
  { chain, met }: ChainCheck,
  { head, links }: ChainHead,
  by: readonly string[],
): string | undefined {
  const who = `${by.join(", ")} ${by.length === 1 ? "knows" : "know"}`;
  if (!chain) return `no seals, though ${who} a chain of ${links} links`;
  if (chain.head === head && chain.links === links) return undefined;
  const at = met.get(head);
  if (at === links - 1)
    return `the log goes on behind the head that ${who}, by ${chain.links - links} links`;
  if (chain.links < links)
    return `the tail is cut: ${links - chain.links} of the ${links} links that ${who} are gone, or the log was rewritten`;
  return `not the log that ${who}: it was rewritten, chain and all (head ${chain.head.slice(0, 16)}…, known ${head.slice(0, 16)}…)`;
}
