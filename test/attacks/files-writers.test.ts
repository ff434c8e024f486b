// Nobody but these writes files, makes or removes folders: everything else goes through capture/own-file.ts.

import { expect, test } from "@jest/globals";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
/** File → why it may. */
const MAY: Readonly<Record<string, string>> = {
  "capture/own-file.ts": "the one way to write a file of ours",
  "capture/new-run.ts": "makes run folders, renames an import's log, removes our names one by one",
  "capture/number-pages.ts": "a file for reads that never keeps a name",
  "capture/mcap-file.ts": "the log itself, append only",
  "host/file-lock.ts": "creates a locked file for the two above",
  "host/own-folder.ts": "folders in shared memory and for temporary files, our own",
  "marks/ring-file.ts": "rings in shared memory",
  "marks/ring-source.ts": "removes a ring it has read",
  "marks/text-file.ts": "the text file of a marks folder",
  "marks/fifo.ts": "the FIFO of a marks folder",
  "marks/node-client.ts": "rings of a marks folder",
  "gpio/sim-file.ts": "a simulated line",
  "gpio/kernel.ts": "character devices",
  "ingest/ports/tty-port.ts": "serial ports",
  "virtual/daq/pty.ts": "pseudo-terminals",
  "virtual/daq/daq.ts": "the symlink to its pseudo-terminal",
  "cli/outlive.ts": "/dev/null in place of a terminal that went",
  "cli/terminal.ts": "standard output, to its last byte",
  "record/bench.ts": "the virtual trigger line, in a scratch folder",
};
const WRITES =
  /\b(?:writeFile|appendFile|createWriteStream|rename|copyFile|cp|truncate|ftruncate|link|symlink|rm|rmdir|unlink|mkdir|mkdtemp|write|writev)(?:Sync)?\b/;
const OPENS = /\bopenSync\([^)]*(?:"(?:[wa]|r\+)|O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND))/;
const FOLDERS =
  "align capture cli dataset energy gpio host ingest marks nvml rigs schema view".split(" ");

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((n) => n.endsWith(".ts"))
    .map((n) => join(folder, n)),
);
const imported = (text: string): string =>
  [...text.matchAll(/import \{([^}]*)\} from "node:fs(?:\/promises)?"/g)].map((m) => m[1]).join();

test("only the files listed here write, rename or remove", () => {
  const writers = sources.filter((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return WRITES.test(imported(text)) || OPENS.test(text);
  });
  expect(sources.length).toBeGreaterThan(200);
  expect(writers.filter((w) => !(w in MAY) && w !== "marks/bench.ts")).toEqual([]);
});

test("nobody removes a folder with what is in it, but those who made it for themselves", () => {
  const removers = sources.filter((path) =>
    /rm(?:Sync)?\([^)]*recursive/.test(readFileSync(join(root, path), "utf8")),
  );
  expect(removers.sort()).toEqual(["host/own-folder.ts", "marks/bench.ts"]);
});

test("nobody hands a file name to a library that writes it", () => {
  const found = sources.filter((path) =>
    /fileWriter|parquetWriteFile|import \* as \w+ from "node:fs"/.test(
      readFileSync(join(root, path), "utf8"),
    ),
  );
  expect(found).toEqual([]);
});
