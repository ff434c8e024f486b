// Jest reporter: which files of the project "unit" take more processor time than one of the fast ones may, and so
// belong into the list SYSTEM of jest.config.js. `npm run test:slow`; processor time, so that a busy machine judges
// as a quiet one does. Files run one after another in one process; of children those count that have ended.

import { readFileSync } from "node:fs";
import { relative } from "node:path";

/** Seconds of processor time, of one file and of all: two minutes on two cores of a shared machine. */
const FILE_S = 10;
const ALL_S = 200;
/** Clock ticks a second of /proc, the same on every Linux. */
const TICKS = 100;

function cpuS() {
  const { user, system } = process.cpuUsage();
  let children = 0;
  if (process.platform === "linux") {
    const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1].split(" ");
    children = (Number(fields[13]) + Number(fields[14])) / TICKS;
  }
  return (user + system) / 1e6 + children;
}

export default class SlowTests {
  #last = cpuS();
  #files = [];

  onTestFileResult(_test, { testFilePath }) {
    const now = cpuS();
    this.#files.push({ file: relative(process.cwd(), testFilePath), s: now - this.#last });
    this.#last = now;
  }

  onRunComplete() {
    this.#files.sort((a, b) => b.s - a.s);
    console.log(`${this.#files.length} files, ${this.#totalS().toFixed(0)} s of processor time`);
    for (const { file, s } of this.#files.slice(0, 20)) console.log(`${s.toFixed(1)} s ${file}`);
  }

  getLastError() {
    const slow = this.#files.filter(({ s }) => s > FILE_S).map(({ file }) => file);
    if (slow.length > 0)
      return new Error(
        `more than ${FILE_S} s of processor time: ${slow.join(", ")}; make them quicker or list them in SYSTEM`,
      );
    if (this.#totalS() > ALL_S)
      return new Error(`all together more than ${ALL_S} s of processor time: see the slowest`);
  }

  #totalS() {
    return this.#files.reduce((sum, { s }) => sum + s, 0);
  }
}
