#!/usr/bin/env node
// The hand on the lever: finds the command, parses its line, turns what went wrong into one line and
// an exit code. Commands load when called, so that --help is instant.

import { parseArgs } from "node:util";
import { type Command, type ExitCode, makeUi } from "./command.ts";
import { lostOutput, outliveTerminal } from "./outlive.ts";
import { printLine, printText, tellLine } from "./terminal.ts";
import { mostOf } from "../stats/summary.ts";

const commands: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  record: () => import("./record.ts"),
  import: () => import("./import.ts"),
  fuse: () => import("./fuse.ts"),
  compare: () => import("./compare.ts"),
  fold: () => import("./fold.ts"),
  report: () => import("./report.ts"),
  verify: () => import("./verify.ts"),
  recover: () => import("./recover.ts"),
  export: () => import("./export.ts"),
  live: () => import("./live.ts"),
  view: () => import("./view.ts"),
  calibrate: () => import("./calibrate.ts"),
  devices: () => import("./devices.ts"),
  doctor: () => import("./doctor.ts"),
  demo: () => import("./demo.ts"),
  bench: () => import("./bench.ts"),
};

const everywhere = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  quiet: { type: "boolean", short: "q" },
} as const;

async function main(argv: string[]): Promise<ExitCode> {
  const [name, ...args] = helpLast(argv);
  if (name === undefined || name === "--help" || name === "-h") {
    printText(await overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    printLine((await import("../host/package.ts")).version());
    return 0;
  }
  const load = commands[name];
  if (!load) return usage(`no command "${name}"`, "truejoule --help lists the commands");
  const { command } = await load();
  records = command.records === true;
  const parsed = parse(name, command, args);
  if (typeof parsed === "string") return usage(parsed, `truejoule ${name} --help`);
  if (parsed.values["help"]) {
    printText(help(name, command));
    return 0;
  }
  const { json, quiet, ...options } = parsed.values;
  const ui = makeUi(json === true, quiet === true);
  return command.run({ positionals: parsed.positionals, options, rest: parsed.rest, ui });
}

function parse(
  name: string,
  command: Command,
  args: string[],
):
  | {
      values: Record<string, string | boolean | (string | boolean)[] | undefined>;
      positionals: string[];
      rest: string[];
    }
  | string {
  const split = args.indexOf("--");
  const own = split < 0 ? args : args.slice(0, split);
  const rest = split < 0 ? [] : args.slice(split + 1);
  if (rest.length > 0 && !command.usage.includes("-- CMD"))
    return `${name} takes no command after --`;
  try {
    const options = { ...everywhere, ...command.options };
    const { values, positionals } = parseArgs({ args: own, options, allowPositionals: true });
    return { values, positionals, rest };
  } catch (error) {
    return (error as Error).message.split(/\. |\.?\n/)[0]!; // Node explains on further lines
  }
}

/** `help compare` is `compare --help`, and `help` alone `--help`. */
function helpLast(argv: string[]): string[] {
  const [first, command] = argv;
  if (first !== "help") return argv;
  return command === undefined || command.startsWith("-") ? ["--help"] : [command, "--help"];
}

async function overview(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(
      async ([name, load]) => `  ${name.padEnd(14)}${(await load()).command.summary}`,
    ),
  );
  return `truejoule: physical Joules of GPU work beside what the telemetry claims.

usage: truejoule COMMAND [options]        truejoule COMMAND --help

${lines.join("\n")}

everywhere: --help, --json (one JSON document on stdout), --quiet
exit codes: 0 success, 1 failure, 2 usage, 3 done with recorded loss or degraded quality; record: CMD's
`;
}

function help(name: string, c: Command): string {
  const options = [
    ...c.optionHelp,
    ["--json", "one JSON document on stdout, nothing else there"],
    ["--quiet", "no progress"],
  ] as const;
  const width = mostOf(options.map(([o]) => o.length)) + 2;
  return `${c.summary}

usage: truejoule ${name} ${c.usage}

${c.help.trim()}

${options.map(([o, text]) => `  ${o.padEnd(width)}${text}`).join("\n")}
`;
}

function usage(problem: string, remedy: string): ExitCode {
  tellLine(`truejoule: ${problem}; try: ${remedy}`);
  return 2;
}

/** What the operating system says of files and folders, in a user's words (man 3 errno). */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder; make the folder or name another place",
  ENOTDIR: "a file stands where a folder should; name another place",
  EISDIR: "a folder, not a file; name a file",
  EACCES: "not permitted; change its permissions or name another place",
  EPERM: "not permitted; change its permissions or name another place",
  EROFS: "cannot be written to; name another place",
};

/** Errors meant for the user carry a tag; `instanceof` fails across realms. Everything else is our bug. */
function explain(error: unknown, name: string | undefined): ExitCode {
  const e = error as {
    tag?: string;
    message?: string;
    code?: string;
    path?: string;
    stack?: string;
  };
  if (e.tag === "UsageError") return usage(e.message!, `truejoule ${name ?? ""} --help`);
  if (e.tag !== undefined || (e.code !== undefined && e.path !== undefined)) {
    const words = e.tag === undefined ? FILE_ERRORS[e.code!] : undefined;
    const said = words ? `${e.path}: ${words} (${e.code})` : e.message;
    tellLine(`truejoule: ${said}`);
    return 1;
  }
  if (e.code === "ENOSPC" || e.code === "EDQUOT") {
    const remedy = "free some and run it again (after a recording: truejoule fuse RUN)";
    tellLine(`truejoule: no space left on the disk (${e.code}): ${remedy}`);
    return 1;
  }
  tellLine(`truejoule: ${e.message} (a bug in truejoule; TRUEJOULE_DEBUG=1 shows where)`);
  if (process.env["TRUEJOULE_DEBUG"])
    for (const line of (e.stack ?? "").split("\n")) tellLine(line);
  return 1;
}

/** The last word: whoever reads what stdout holds must not take it for the whole. */
function tellLostOutput(code: number): void {
  const why = lostOutput();
  if (why === null) return;
  tellLine(`truejoule: stdout: ${why}; the output is incomplete`);
  if (code === 0 || (code === 3 && !records)) process.exitCode = records ? 3 : 1;
}

let records = false;
outliveTerminal();
process.on("exit", tellLostOutput);
const argv = process.argv.slice(2);
process.exitCode = await main(argv).catch((error: unknown) => explain(error, argv[0]));
