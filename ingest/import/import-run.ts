// A request → a run. Enters: a foreign capture, its format, how a rig is found. Leaves: the log that a recorder would
// have written, and its summary. Holds: where it fails, what was there before is as it was.

import { randomUUID } from "node:crypto";
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { LogWriter } from "../../capture/log-writer.ts";
import { type EarlierRun, stageRun, type StagedRun } from "../../capture/new-run.ts";
import type { RunPaths } from "../../capture/run.ts";
import { fileSha256 } from "../../capture/sha256.ts";
import { software } from "../../host/package.ts";
import type { OriginDocument, OriginFile } from "../../schema/documents/origin.ts";
import { InputError, UsageError } from "../../schema/errors.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import type { Instant } from "../../schema/time.ts";
import type { WorkListener } from "../../schema/work-listener.ts";
import { formats } from "./formats.ts";
import type { ImportContext, LocalTime } from "./importer.ts";
import { zone, type Zone } from "./shared/zone.ts";
import { type ImportSummary, summaryOf } from "./summary.ts";

/** One import. */
export interface ImportRequest {
  /** Name of a format (docs/importing.md). */
  readonly format: string;
  /** A file or a folder, as the format has it; nothing in it is changed. */
  readonly source: string;
  /** Folder to make; an earlier import of the same source there is replaced, anything else is not. */
  readonly out: string;
  /** Name of a built-in rig or path of a rig file; absent: the format's own. */
  readonly rig?: string;
  /** Zone of local times without one, of the tz database; absent: UTC is assumed, and flagged. */
  readonly zone?: string;
  /** Which column is what: for `csv` alone. */
  readonly map?: string;
  /** An earlier import of another source is replaced too; default false. */
  readonly replace?: boolean;
}

/** A built-in rig's name or a rig file's path → the rig, and the file's bytes. */
export type FindRig = (
  fileOrName: string,
) => Promise<{ readonly rig: Rig; readonly text: Uint8Array }>;

/** A run that was imported. */
export interface ImportedRun extends ImportSummary {
  readonly paths: RunPaths;
}

/** @throws UsageError, InputError naming what is wrong with the source, and where. */
export async function importRun(
  request: ImportRequest,
  findRig: FindRig,
  listener: WorkListener = {},
): Promise<ImportedRun> {
  const { format: name, source, out } = request;
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (!format)
    throw new UsageError(`no format "${name}"; there are ${Object.keys(formats).join(", ")}`);
  const context = new Context(request, findRig, listener);
  const importer = await format.load();
  refuseInside(source, out);
  const run = await stageRun(out, (text) => listener.onWaiting?.(text), context.replaces);
  try {
    context.begin(run);
    await importer(source, context);
    context.commit();
  } catch (error) {
    run.abandon();
    if (error instanceof Error)
      error.message = error.message.replaceAll(run.log, run.paths.capture);
    throw error;
  }
  try {
    return { paths: run.paths, ...summaryOf(run.paths.capture) };
  } finally {
    run.release();
  }
}

/** What the importer needs from outside, and where its log goes. */
class Context implements ImportContext {
  readonly map?: string;
  readonly progress: (done: number, total: number) => void;
  readonly #request: ImportRequest;
  readonly #findRig: FindRig;
  readonly #zone: Zone;
  readonly #origins: OriginFile[] = [];
  #rigText: Uint8Array = Buffer.alloc(0);
  #zoneAssumed = false;
  #run: StagedRun | undefined;
  #log: LogWriter | undefined;

  constructor(request: ImportRequest, findRig: FindRig, listener: WorkListener) {
    this.#request = request;
    this.#findRig = findRig;
    this.#zone = zone(request.zone ?? "UTC");
    if (request.map !== undefined) this.map = request.map;
    this.progress = listener.onProgress?.("importing") ?? (() => undefined);
  }

  begin(run: StagedRun): void {
    this.#run = run;
  }

  async rig(builtIn: string): Promise<Rig> {
    const { rig, text } = await this.#findRig(this.#request.rig ?? builtIn);
    this.#rigText = text;
    return rig;
  }

  localToUnix(local: LocalTime, near?: Instant<"unix">): Instant<"unix"> {
    this.#zoneAssumed ||= this.#request.zone === undefined;
    return this.#zone.toUnix(local, near);
  }

  /** The log takes its place. */
  commit(): void {
    this.#log?.close();
    if (this.#log) this.#run!.commit();
  }

  /** An import can be repeated, since its source still exists; nothing else is replaced. */
  readonly replaces = ({ session, origin }: EarlierRun): boolean => {
    const { out, replace } = this.#request;
    if (session.source !== "imported")
      throw new InputError(
        `${out}: a recorded run, which is never overwritten; choose another --out`,
      );
    if (this.#log === undefined && this.#origins.length === 0) return true; // not known yet
    if (replace === true) return true;
    const now = hashesOf(this.#origins);
    const then = hashesOf(origin?.document?.files ?? []);
    if (now.join() === then.join()) return true;
    const found = origin?.problem ? `an origin.json that is none: ${origin.problem}` : brief(then);
    throw new InputError(
      `${out}: holds an import of another source; --replace replaces it, or choose another --out (expected sources of SHA-256 ${brief(now)}, found ${found})`,
    );
  };

  origin(path: string): void {
    refuseInside(path, this.#request.out);
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
      log.attach("rig.yaml", "application/yaml", this.#rigText);
      log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
    }
    const origin: OriginDocument = { files: this.#origins };
    log.attach("origin.json", "application/json", Buffer.from(JSON.stringify(origin)));
    if (this.#zoneAssumed)
      log.note({
        level: "warning",
        text: "the source has local times without a zone; they were taken as UTC: give --tz ZONE to place them",
      });
    return log;
  }
}

const hashesOf = (files: readonly OriginFile[]): string[] => files.map((f) => f.sha256).sort();

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
