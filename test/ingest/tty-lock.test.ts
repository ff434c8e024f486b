// A port is free again as soon as its close, or the failure to open it, is reported: the recogniser closes it and
// the recorder opens it in the next moment.

import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readdirSync, readlinkSync } from "node:fs";
import { libc } from "../../host/libc.ts";
import type { PortSink } from "../../ingest/ports/port.ts";
import { type TtyOptions, ttyPort } from "../../ingest/ports/tty-port.ts";
import { openPty, type Pty } from "../../virtual/daq/pty.ts";

jest.setTimeout(30_000); // a thread starts slowly on a busy machine

const TIOCGEXCL = 0x80045440;
const sink: PortSink = { bytes: () => undefined, closed: () => undefined };

/** This process's descriptors of a path. */
const descriptors = (path: string): number[] =>
  readdirSync("/proc/self/fd")
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === path;
      } catch {
        return false; // of the folder itself, gone by now
      }
    })
    .map(Number);

function isExclusive(path: string): boolean {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  const answer = new Int32Array(1);
  libc().ioctl(fd, TIOCGEXCL, answer);
  closeSync(fd);
  return answer[0] !== 0;
}

(process.platform === "linux" ? describe : describe.skip)("a port that was closed", () => {
  let pty: Pty;
  beforeEach(() => void (pty = openPty()));
  afterEach(() => pty.close());

  test("is free, though a child that is being started still has it open", async () => {
    const before = new Set(descriptors(pty.path));
    const port = await ttyPort(pty.path)(sink);
    const [fd] = descriptors(pty.path).filter((n) => !before.has(n));
    const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", fd] });
    try {
      await port.close();
      const again = await ttyPort(pty.path)(sink);
      await expect(ttyPort(pty.path)(sink)).rejects.toThrow("is in use by another program");
      await again.close();
    } finally {
      child.kill();
    }
  });

  test("is no longer exclusive, though the program behind a pty has it open: anyone may open it", async () => {
    const port = await ttyPort(pty.path)(sink);
    // Only the superuser may open it now; others are told that it is busy.
    if (process.getuid?.() === 0) expect(isExclusive(pty.path)).toBe(true);
    await port.close();
    expect(isExclusive(pty.path)).toBe(false);
  });

  test.each<[what: string, TtyOptions, error: RegExp]>([
    ["the reader fails as it begins", { fifoPriority: 1n as never }, /reader failed/],
    ["no reader can be made", { batchMs: (() => 1) as never }, /could not be cloned/],
    ["the rate is none", { baud: 1234 }, /1234 baud is not one of/],
  ])("is free where %s", async (_, options, error) => {
    const open = descriptors(pty.path);
    for (let k = 0; k < 3; k++)
      await expect(ttyPort(pty.path, options)(sink)).rejects.toThrow(error);
    expect(descriptors(pty.path)).toEqual(open);
    await (await ttyPort(pty.path)(sink)).close();
  });
});
