// truejoule import FORMAT SRC --out RUN: a foreign capture → the same log a recorder would have written.

import { randomUUID } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { LogWriter } from "../capture/log-writer.ts";
import { createRun } from "../capture/run.ts";
import { fileSha256 } from "../capture/sha256.ts";
import { formats } from "../ingest/import/formats.ts";
import type { ImportContext } from "../ingest/import/importer.ts";
import { type LoadedRig, resolveRig } from "../rigs/load.ts";
import { UsageError } from "../schema/errors.ts";
import type { Session } from "../schema/session.ts";
import type { Command, Invocation } from "./command.ts";
import { software } from "./version.ts";
import { zone } from "./zone.ts";

/** Keeps what the importer needs from outside, and what must be undone when it fails. */
class Context implements ImportContext {
  readonly map?: string;
  readonly progress: (done: number, total: number) => void;
  readonly #call: Invocation;
  readonly #zone;
  readonly #origins: { name: string; bytes: number; sha256: string }[] = [];
  #loaded: LoadedRig | undefined;
  #zoneAssumed = false;
  log: LogWriter | undefined;
  noted = false;

  constructor(call: Invocation) {
    this.#call = call;
    this.#zone = zone((call.options["tz"] as string | undefined) ?? "UTC");
    if (typeof call.options["map"] === "string") this.map = call.options["map"];
    this.progress = call.ui.progress("importing");
  }

  async rig(builtIn: string): Promise<LoadedRig["rig"]> {
    this.#loaded = await resolveRig((this.#call.options["rig"] as string | undefined) ?? builtIn);
    return this.#loaded.rig;
  }

  localToUnix: ImportContext["localToUnix"] = (...parts) => {
    this.#zoneAssumed ||= this.#call.options["tz"] === undefined;
    return this.#zone.toUnix(...parts);
  };

  origin(path: string): void {
    this.#origins.push({
      name: basename(path),
      bytes: statSync(path).size,
      sha256: fileSha256(path),
    });
  }

  create(
    known: Parameters<ImportContext["create"]>[0],
    rig: Parameters<ImportContext["create"]>[1],
  ): LogWriter {
    const paths = createRun(this.#call.options["out"] as string, "imported");
    const session: Session = {
      id: randomUUID(),
      source: "imported",
      software: software(),
      ...known,
      ...(this.#zoneAssumed ? { assumedZone: this.#zone.name } : {}),
    };
    this.log = new LogWriter(paths.capture, session);
    if (rig) {
      this.log.attach("rig.yaml", "application/yaml", this.#loaded!.text);
      this.log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
    }
    this.log.attach(
      "origin.json",
      "application/json",
      Buffer.from(JSON.stringify({ files: this.#origins })),
    );
    if (this.#zoneAssumed)
      this.log.note({
        level: "warning",
        text: "the source has local times without a zone; they were taken as UTC: give --tz ZONE to place them",
      });
    return this.log;
  }
}

export const command: Command = {
  summary: "turns a foreign capture into a run",
  usage: "FORMAT SRC --out RUN [--rig FILE|NAME] [--tz ZONE] [--map MAP]",
  help: `
Reads SRC (a file or a folder, as the format has it) and writes RUN/capture.mcap: raw counts with their
scale, telemetry reads and marks, just as a recorder would. Nothing in SRC is changed.

formats:
${Object.entries(formats)
  .map(([name, f]) => `  ${name.padEnd(14)}${f.summary}`)
  .join("\n")}

example: truejoule import yang-pmd 5050/3090 --out runs/3090 --tz Europe/London`,
  options: {
    out: { type: "string" },
    rig: { type: "string" },
    tz: { type: "string" },
    map: { type: "string" },
  },
  optionHelp: [
    ["--out RUN", "folder to make; an earlier import there is replaced, anything else is not"],
    ["--rig FILE|NAME", "rig that describes the instrument, instead of the format's built-in one"],
    [
      "--tz ZONE",
      "zone of local times without one (Europe/London); UTC is assumed and flagged otherwise",
    ],
    ["--map MAP", "which column is what, for csv (docs/importing.md)"],
  ],

  async run(call) {
    const [name, source, ...extra] = call.positionals;
    if (!name || !source || extra.length > 0) throw new UsageError("import takes FORMAT and SRC");
    const format = formats[name];
    if (!format)
      throw new UsageError(`no format "${name}"; there are ${Object.keys(formats).join(", ")}`);
    if (typeof call.options["out"] !== "string") throw new UsageError("import needs --out RUN");
    const context = new Context(call);
    const importer = await format.load();
    try {
      await importer(source, context);
    } catch (error) {
      // A run that never came to be leaves nothing behind.
      if (context.log) rmSync(call.options["out"], { recursive: true, force: true });
      throw error;
    }
    context.log?.close();
    const { summarise } = await import("./import-summary.ts");
    return summarise(call.options["out"], call.ui);
  },
};
