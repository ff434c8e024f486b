// One recorder, killed by SIGKILL at a given moment → what its log lost of what it was handed, after recovery.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { recoverLog } from "../../capture/recover.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { siblingModule } from "../../host/sibling.ts";
import { BLOCK, layout, ROW_HZ, rowsFrom } from "./kill-rows.ts";

export interface Kill {
  readonly handedRows: number;
  readonly keptRows: number;
  /** How long before the kill the first lost block was handed to the log, by the last one that was, s. */
  readonly lostS: number;
  /** The lost rows at their sampling rate, s: more than lostS where they came late and in a bunch. */
  readonly lostSampleS: number;
  /** Rows whose bytes are not what was written, or out of sequence; stretches of the recovered log that are damaged. */
  readonly wrongRows: number;
  readonly damages: number;
  /** Bytes after the last whole chunk. */
  readonly cutBytes: number;
}

export async function killAfter(delayMs: number, flushMs: number): Promise<Kill> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-kill-"));
  const [log, progress, recovered] = ["log.mcap", "progress", "recovered.mcap"].map((n) =>
    join(dir, n),
  ) as [string, string, string];
  const { url, execArgv } = siblingModule(import.meta.url, "./kill-writer");
  const child = spawn(
    process.execPath,
    [...execArgv, url.pathname, log, progress, String(flushMs)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(child, "exit");
  try {
    await once(child.stdout, "data");
    await sleep(delayMs);
    child.kill("SIGKILL");
    await ended;
    const { droppedBytes } = recoverLog(log, recovered);
    return {
      ...compare(recovered, Buffer.from(Uint8Array.from(readFileSync(progress)))),
      cutBytes: droppedBytes,
    };
  } finally {
    child.kill("SIGKILL");
    rmSync(dir, { recursive: true });
  }
}

function compare(path: string, progress: Buffer): Omit<Kill, "cutBytes"> {
  const handed = new BigInt64Array(progress.buffer, progress.byteOffset, progress.length >> 3);
  let [keptRows, wrongRows, damages] = [0, 0, 0];
  for (const r of readCapture(path)) {
    if (r.kind === "damage") damages++;
    if (r.kind !== "rows") continue;
    const { firstIndex, rows, bytes } = r.block;
    const right =
      firstIndex === keptRows && Buffer.compare(bytes, rowsFrom(firstIndex, rows)) === 0;
    if (!right || bytes.length !== rows * layout.rowBytes) wrongRows += rows;
    keptRows += rows;
  }
  const handedRows = handed.length * BLOCK;
  const firstLost = handed[keptRows / BLOCK];
  const lostS = firstLost === undefined ? 0 : Number(handed.at(-1)! - firstLost) / 1e9;
  const lostSampleS = (handedRows - keptRows) / ROW_HZ;
  return { handedRows, keptRows, lostS, lostSampleS, wrongRows, damages };
}

/** Runs `count` kills, `atOnce` at a time. @param delayMs of the k-th kill. */
export async function killMany(
  count: number,
  atOnce: number,
  delayMs: (k: number) => number,
  flushMs: number,
  onKill?: (kill: Kill, done: number) => void,
): Promise<Kill[]> {
  const kills: Kill[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const kill = await killAfter(delayMs(next++), flushMs);
      kills.push(kill);
      onKill?.(kill, kills.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return kills;
}
