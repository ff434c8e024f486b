// Text that strangers wrote, on its way to a terminal, to a JSON document and to a spreadsheet.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { splitCells } from "../../ingest/import/shared/csv-line.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { runPaths } from "../../capture/run.ts";
import { csvCell, unguarded } from "../../schema/csv.ts";
import { random } from "../../stats/random.ts";
import { instant } from "../../schema/time.ts";
import { visible, visibleJson, visibleLines } from "../../schema/visible.ts";
import { escape } from "../../view/html.ts";
import { expectBuilt, truejoule } from "../end-to-end/built.ts";

const SEEDS = Number(process.env["TRUEJOULE_SEEDS"] ?? 1);
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** Clears the screen, sets the title, colours, turns the reading, begins lines of its own, C1, zero width, halves. */
const NASTY =
  "\x1b]0;pwned\x07\x1b[2J\x1b[H\u202egnp\u2066\r\nrun: clean\n\u2028\u0085\u009b31m\u200b\ufeff\ud800\t\x7f\0";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-hostile-text-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("C4: every control, format character, separator and half character is shown, and nothing else changes", () => {
  expect(visible("\x1b[2J\u202e\n\t\r\u0085\u{e0041}\ud800x")).toBe(
    "\\x1b[2J\\u202e\\n\\t\\r\\x85\\u{e0041}\\ud800x",
  );
  for (const plain of ["", "gemm ± 3 µs — ok", "中文 ünïcode 🙂", "a\\b"])
    expect(visible(plain)).toBe(plain);
  for (let c = 0; c < 0x3000; c++) {
    const text = String.fromCodePoint(c);
    expect(UNSEEN.test(visible(text))).toBe(false);
    if (!UNSEEN.test(text)) expect(visible(text)).toBe(text);
  }
  expect(visibleLines("a\x1b\nb\u2028")).toBe("a\\x1b\nb\\u2028");
  expect(escape(`<${NASTY}>`)).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\x1b\x85]/u);
});

test("C4: a JSON document shows them too, and means the same", () => {
  const r = random(1, "json");
  for (let k = 0; k < 200 * SEEDS; k++) {
    const text = String.fromCodePoint(
      ...Array.from({ length: 20 }, () => r.integer(r.uniform() < 0.7 ? 0x2100 : 0x110000)),
    );
    const value = { [text]: [text, { nested: text }] };
    for (const json of [visibleJson(value), visibleJson(value, 1)]) {
      expect(json.replaceAll("\n", "")).not.toMatch(UNSEEN);
      expect(JSON.parse(json)).toEqual(value);
    }
  }
});

/** A run whose every name and note is nasty. */
function nastyRun(): string {
  const run = join(dir, "run");
  mkdirSync(run);
  const log = new LogWriter(runPaths(run).capture, {
    id: "x",
    source: "imported",
    hostClock: "monotonic",
    hostEpoch: instant<"host">(0n),
    startUnix: null,
    software: `truejoule ${NASTY}`,
    labels: { [NASTY]: NASTY },
  });
  log.note({ level: "warning", text: NASTY });
  log.note({ level: "loss", text: NASTY });
  const channel = { name: `nvml.power_usage`, quantity: "power", unit: "W" } as const;
  log.declareTelemetry(channel);
  const odd = `x${NASTY}.power`;
  log.declareTelemetry({ ...channel, name: odd });
  for (const name of [NASTY, FORMULA])
    for (const [phase, t] of [
      ["begin", 10n],
      ["end", 900_000_000n],
    ] as const)
      log.mark({
        name,
        phase,
        clock: "host",
        t,
        fields: { [FORMULA]: `${FORMULA}${phase}`, n: -5 },
      });
  for (let i = 0n; i < 100n; i++) {
    const t = instant<"host">(i * 10_000_000n);
    for (const name of [channel.name, odd])
      log.read({
        channel: name,
        before: t,
        after: t,
        stamp: null,
        value: 5 + Number(i % 7n),
        code: 0,
      });
  }
  log.close();
  return run;
}
const FORMULA = `=cmd|' /C calc'!A0`;

test("C4: every command says what a nasty run holds, and no byte of it reaches the terminal as it is", async () => {
  expectBuilt();
  const run = nastyRun();
  const out = join(dir, "out.csv");
  const calls = [
    ["verify", run],
    ["fuse", run],
    ["compare", run, "--all"],
    ["compare", run, "--json"],
    ["verify", run, "--json"],
    ["report", run],
    ["export", run, "--nvml-csv", out],
    ["recover", run, "--out", join(dir, `r\x1b[2J\n`)],
    ["verify", `${dir}/no\n\x1b[2Jtruejoule: clean`],
    ["record", "--rig", `no\u202e\n.yaml`, "--out", join(dir, "n")],
    [`no\x1b[2J\ncommand`],
    ["verify", `--no\x1b[2J\noption`],
    ["compare", run, "--window", NASTY.replaceAll("\0", "")],
    [
      "import",
      "csv",
      `${dir}/\x1b\nfile`,
      "--map",
      "time=t\x1b\n; v.gpu=v",
      "--out",
      join(dir, "i"),
    ],
  ];
  let shown = 0;
  for (const args of calls) {
    const { code, stdout, stderr } = await truejoule(...args);
    expect([args, code]).toEqual([args, expect.any(Number)]);
    for (const text of [stdout, stderr]) {
      expect(text.replaceAll("\n", "")).not.toMatch(UNSEEN);
      // Each line of stderr is one of ours: nothing in a name begins one.
      expect(text).not.toMatch(/^(run: clean|truejoule: clean|command|option|gnp)/m);
      if (/\\x1b|\\u001b/.test(text)) shown++;
    }
    expect(stderr).not.toMatch(/a bug in truejoule/);
  }
  expect(shown).toBeGreaterThan(8);
});

test("C6: no cell of an exported log begins a formula, and import reads back what the marks said", async () => {
  const run = join(dir, "run");
  const out = join(dir, "cells.csv");
  expect((await truejoule("export", run, "--nvml-csv", out)).code).not.toBe(1);
  const lines = readFileSync(out, "utf8").split("\n");
  const cells = lines.flatMap((l) => plain(l));
  expect(cells.filter((c) => /^[=+@\t\r]|^-(?![\d.])/.test(c))).toEqual([]);
  expect(cells.filter((c) => c.includes("cmd|")).length).toBeGreaterThan(3);
  const again = join(dir, "again");
  expect((await truejoule("import", "nvml-csv", out, "--out", again)).code).not.toBe(1);
  const { stdout } = await truejoule("compare", again, "--json");
  const { windows } = JSON.parse(stdout) as { windows: { name: string }[] };
  expect(windows.map((w) => w.name)).toContain(`${FORMULA}-1`);
});

/** Cells as a spreadsheet cuts them. */
const plain = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) =>
    (m[1] ?? m[2] ?? "").replaceAll('""', '"'),
  );

test("C6: any text goes through a cell and back", () => {
  const alphabet = [
    "'",
    "=",
    "+",
    "-",
    "@",
    "\t",
    "＝",
    " ",
    '"',
    ",",
    ";",
    "a",
    "1",
    "\u200b",
    "\0",
  ];
  const r = random(2, "cells");
  for (let k = 0; k < 3000 * SEEDS; k++) {
    const text = Array.from(
      { length: r.integer(6) },
      () => alphabet[r.integer(alphabet.length)]!,
    ).join("");
    const cell = csvCell(text);
    const bare = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
    expect(bare).not.toMatch(/^[\s\p{C}]*[=+\-@＝]/u);
    expect(unguarded(bare)).toBe(visible(text));
    if (text === text.trim() && text === visible(text))
      expect(splitCells(`x,${cell},y`, ",")).toEqual(["x", text, "y"]);
  }
});

test("C4: a program that fails to start is named in one line", async () => {
  expectBuilt();
  const { stderr } = await promisify(execFile)("sh", [
    "-c",
    `"${process.execPath}" dist/cli/main.js record --rig virtual --out "${dir}/p" -- "$(printf 'no\\033[2J\\nprogram')" || true`,
  ]);
  expect(stderr).toBe(
    `truejoule: no\\x1b[2J\\nprogram: no such program on the PATH; check what stands after --\n`,
  );
});
