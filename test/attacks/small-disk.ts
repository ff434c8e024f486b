// A disk of 4 MB, and one that is read-only: a tmpfs, which only root can mount.

import { describe, test } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const canMount = process.platform === "linux" && process.getuid?.() === 0;
const mount = (...args: string[]): void => void execFileSync("mount", args, { stdio: "pipe" });

/** Runs where disks can be mounted; elsewhere it is skipped by name. */
export function onSmallDisk(name: string, body: (disk: string) => Promise<void> | void): void {
  if (!canMount)
    return describe.skip("needs root to mount a disk", () => test(name, () => undefined));
  test(name, async () => {
    const disk = mkdtempSync(join(tmpdir(), "truejoule-disk-"));
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", disk);
    try {
      await body(disk);
    } finally {
      execFileSync("umount", ["-l", disk]);
      rmdirSync(disk);
    }
  });
}

export const makeReadOnly = (disk: string): void => mount("-o", "remount,ro", disk);
