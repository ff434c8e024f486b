// truejoule import FORMAT SRC --out RUN: a foreign capture → the same log a recorder would have written.

import { randomUUID } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { LogWriter } from "../capture/log-writer.ts";
import { type EarlierRun, stageRun, type StagedRun } from "../capture/new-run.ts";
import { fileSha256 } from "../capture/sha256.ts";
import { formats } from "../ingest/import/formats.ts";
import type { ImportContext } from "../ingest/import/importer.ts";
import { type LoadedRig, resolveRig } from "../rigs/load.ts";
import { InputError, UsageError } from "../schema/errors.ts";
import type { Session } from "../schema/session.ts";
import type { Command, Invocation } from "./command.ts";
import { tellWaiting } from "./locked-run.ts";
import { software } from "../host/package.ts";
import { zone } from "./zone.ts";

/** What the importer needs from outside, and where its log goes. */
class Context implements ImportContext {
  readonly map?: string;
  readonly progress: (done: number, total: number) => void;
  readonly #call: Invocation;
  readonly #zone;
  readonly #origins: { name: string; bytes: number; sha256: string }[] = [];
  #loaded: LoadedRig | undefined;
  #zoneAssumed = false;
  #run: StagedRun | undefined;
  #log: LogWriter | undefined;

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

  /** Locks RUN, or a place for it. */
  async claim(source: string): Promise<void> {
    const out = this.#out;
    refuseInside(source, out);
    this.#run = await stageRun(out, tellWaiting, (earlier) => this.#replaces(earlier));
  }

  /** The log takes its place; @returns after that. */
  commit(): void {
    this.#log?.close();
    if (this.#log) this.#run!.commit();
  }

  /** Leaves what was there as it was. */
  abandon(error: unknown): void {
    this.#run?.abandon();
    if (this.#run && error instanceof Error)
      error.message = error.message.replaceAll(this.#run.log, this.#run.paths.capture);
  }

  release(): void {
    this.#run?.release();
  }

  get #out(): string {
    return this.#call.options["out"] as string;
  }

  /** An import can be repeated, since its source still exists; nothing else is replaced. */
  #replaces({ session, origins }: EarlierRun): boolean {
    if (session.source !== "imported")
      throw new InputError(
        `${this.#out}: a recorded run, which is never overwritten; choose another --out`,
      );
    if (this.#log === undefined && this.#origins.length === 0) return true; // not known yet
    if (this.#call.options["replace"] === true) return true;
    const now = this.#origins.map((o) => o.sha256).sort();
    if (now.join() === [...origins].sort().join()) return true;
    throw new InputError(
      `${this.#out}: holds an import of another source; --replace replaces it, or choose another --out (expected sources of SHA-256 ${brief(now)}, found ${brief(origins)})`,
    );
  }

  origin(path: string): void {
    refuseInside(path, this.#out);
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
    this.#run!.check();
    const session: Session = {
      id: randomUUID(),
      source: "imported",
      software: software(),
      ...known,
      ...(this.#zoneAssumed ? { assumedZone: this.#zone.name } : {}),
    };
    const log = (this.#log = new LogWriter(this.#run!.log, session));
    if (rig) {
      log.attach("rig.yaml", "application/yaml", this.#loaded!.text);
      log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
    }
    log.attach(
      "origin.json",
      "application/json",
      Buffer.from(JSON.stringify({ files: this.#origins })),
    );
    if (this.#zoneAssumed)
      log.note({
        level: "warning",
        text: "the source has local times without a zone; they were taken as UTC: give --tz ZONE to place them",
      });
    return log;
  }
}

const brief = (hashes: readonly string[]): string =>
  hashes.map((h) => `${h.slice(0, 12)}…`).join(", ") || "none that is noted";

/** A source must not lie where the import is to go, whatever links lead there. */
function refuseInside(source: string, out: string): void {
  if (!existsSync(source) || !existsSync(out)) return;
  const run = realpathSync.native(out);
  const named = join(realpathSync.native(dirname(source)), basename(source));
  for (const at of [realpathSync.native(source), named])
    if (at === run || at.startsWith(run + sep))
      throw new InputError(
        `${source}: lies in ${out}, where the import is to go; move it out, or choose another --out`,
      );
}

export const command: Command = {
  summary: "turns a foreign capture into a run",
  usage: "FORMAT SRC --out RUN [--rig FILE|NAME] [--tz ZONE] [--map MAP] [--replace]",
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
    replace: { type: "boolean" },
  },
  optionHelp: [
    [
      "--out RUN",
      "folder to make; an earlier import of the same source there is replaced, anything else is not",
    ],
    ["--rig FILE|NAME", "rig that describes the instrument, instead of the format's built-in one"],
    [
      "--tz ZONE",
      "zone of local times without one (Europe/London); UTC is assumed and flagged otherwise",
    ],
    ["--map MAP", "which column is what, for csv (docs/importing.md)"],
    ["--replace", "an earlier import of another source is replaced too"],
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
    const { summarise } = await import("./import-summary.ts");
    try {
      await context.claim(source);
      await importer(source, context);
      context.commit();
    } catch (error) {
      context.abandon(error);
      throw error;
    }
    try {
      return summarise(call.options["out"], call.ui);
    } finally {
      context.release();
    }
  },
};
