// A kernel for the tests: one GPIO chip and one serial port behind the real byte layouts. Lines 0 and 1 of
// the chip are joined by a wire, so that an output can be heard.

import type { Kernel } from "../../gpio/kernel.ts";
import { EVENT_BYTES } from "../../gpio/uapi.ts";

interface Request {
  readonly offsets: number[];
  readonly flags: bigint[];
  readonly events: Buffer[];
  seqno: number;
}

export interface FakeChip {
  readonly name: string;
  readonly label: string;
  readonly lines: readonly string[];
  readonly used?: readonly number[];
}

export class FakeKernel implements Kernel {
  readonly levels = new Map<string, number>();
  readonly modem: number[] = [];
  readonly requests = new Map<number, Request>();
  denied = false;
  modemErrno = 0;
  readonly #chips: readonly FakeChip[];
  readonly #open = new Map<number, string>();
  #next = 100;

  constructor(...chips: FakeChip[]) {
    this.#chips = chips;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  chips(): string[] {
    return this.#chips.map((c) => `/dev/${c.name}`);
  }

  open(path: string): number {
    if (this.denied) throw Object.assign(new Error(`EACCES: ${path}`), { code: "EACCES" });
    this.#open.set(++this.#next, path);
    return this.#next;
  }

  close(fd: number): void {
    if (!this.#open.delete(fd)) throw new Error(`fd ${fd} closed twice`);
    this.requests.delete(fd);
  }

  ioctl(fd: number, request: number, b: Buffer): number {
    if (!this.#open.has(fd)) return -9;
    switch (request) {
      case 0x8044b401:
        return this.#chipInfo(this.#chipOf(fd), b);
      case 0xc100b405:
        return this.#lineInfo(this.#chipOf(fd), b);
      case 0xc250b407:
        return this.#getLine(this.#chipOf(fd), b);
      case 0xc010b40e:
        b.writeBigUInt64LE(BigInt(this.levels.get(this.#lineKey(fd)) ?? 0), 0);
        return 0;
      case 0xc010b40f:
        return this.#setLevel(fd, Number(b.readBigUInt64LE(0)));
      case 0x5416:
      case 0x5417:
        if (this.modemErrno) return -this.modemErrno;
        this.modem.push(request === 0x5416 ? b.readInt32LE(0) : -b.readInt32LE(0));
        return 0;
      default:
        return -25;
    }
  }

  readable(fd: number): boolean {
    return (this.requests.get(fd)?.events.length ?? 0) > 0;
  }

  read(fd: number, into: Buffer): number {
    const taken = this.requests.get(fd)!.events.splice(0, Math.floor(into.length / EVENT_BYTES));
    taken.forEach((e, i) => e.copy(into, i * EVENT_BYTES));
    return taken.length * EVENT_BYTES;
  }

  /** An edge on a line, as the interrupt handler would number and stamp it. */
  edge(line: number, level: 0 | 1, t: bigint): void {
    for (const r of this.requests.values()) {
      const i = r.offsets.indexOf(line);
      if (i < 0 || !((r.flags[i]! >> (level ? 4n : 5n)) & 1n)) continue;
      const e = Buffer.alloc(EVENT_BYTES);
      e.writeBigUInt64LE(t, 0);
      e.writeUInt32LE(level ? 1 : 2, 8);
      e.writeUInt32LE(line, 12);
      e.writeUInt32LE(++r.seqno, 16);
      r.events.push(e);
    }
  }

  #chipOf(fd: number): FakeChip {
    return this.#chips.find((c) => `/dev/${c.name}` === this.#open.get(fd))!;
  }

  #lineKey(fd: number): string {
    return `${this.#open.get(fd)}:${this.requests.get(fd)!.offsets[0]}`;
  }

  #chipInfo(chip: FakeChip, b: Buffer): number {
    b.fill(0).write(chip.name, 0);
    b.write(chip.label, 32);
    b.writeUInt32LE(chip.lines.length, 64);
    return 0;
  }

  #lineInfo(chip: FakeChip, b: Buffer): number {
    const offset = b.readUInt32LE(64);
    if (offset >= chip.lines.length) return -22;
    b.fill(0).write(chip.lines[offset]!, 0);
    b.writeUInt32LE(offset, 64);
    b.writeBigUInt64LE(chip.used?.includes(offset) ? 1n : 0n, 72);
    return 0;
  }

  #getLine(chip: FakeChip, b: Buffer): number {
    const offsets = Array.from({ length: b.readUInt32LE(560) }, (_, i) => b.readUInt32LE(4 * i));
    if (offsets.some((o) => chip.used?.includes(o))) return -16;
    const flags = offsets.map(() => b.readBigUInt64LE(288));
    for (let a = 0; a < b.readUInt32LE(296); a++) {
      const at = 320 + 24 * a;
      const mask = b.readBigUInt64LE(at + 16);
      if (b.readUInt32LE(at) !== 1) continue;
      for (let i = 0; i < flags.length; i++)
        if ((mask >> BigInt(i)) & 1n) flags[i] = b.readBigUInt64LE(at + 8);
    }
    const fd = this.open(`/dev/${chip.name}`);
    this.requests.set(fd, { offsets, flags, events: [], seqno: 0 });
    b.writeInt32LE(fd, 588);
    return 0;
  }

  #setLevel(fd: number, level: number): number {
    const key = this.#lineKey(fd);
    const changed = (this.levels.get(key) ?? 0) !== level;
    this.levels.set(key, level);
    if (changed && key.endsWith(":0")) {
      this.levels.set(key.replace(/:0$/, ":1"), level);
      this.edge(1, level as 0 | 1, process.hrtime.bigint());
    }
    return 0;
  }
}
