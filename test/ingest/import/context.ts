// An ImportContext for tests: a log in a temporary folder, a given rig, a zone as a fixed offset.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCapture } from "../../../capture/log-reader.ts";
import { LogWriter } from "../../../capture/log-writer.ts";
import type { ImportContext, Importer } from "../../../ingest/import/importer.ts";
import type {
  Edge,
  Mark,
  Note,
  RowLayout,
  SampleBlock,
  TelemetryChannel,
  TelemetryRead,
} from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import type { Session } from "../../../schema/session.ts";
import { instant } from "../../../schema/time.ts";
import { builtInRig } from "../../../rigs/load.ts";

/** Everything an import left in its log. */
export interface Imported {
  session: Session;
  layouts: RowLayout[];
  channels: TelemetryChannel[];
  blocks: SampleBlock[];
  reads: TelemetryRead[];
  marks: Mark[];
  edges: Edge[];
  notes: Note[];
  origins: string[];
  rig: Rig | null;
}

export interface ImportOptions {
  rig?: Rig;
  map?: string;
  /** Hours east of UTC that naive times are in. */
  zoneHours?: number;
}

let dirs: string[] = [];
/** Parsing a rig file costs more than most imports here. */
const rigs = new Map<string, Promise<Rig>>();

function cachedRig(name: string): Promise<Rig> {
  const known = rigs.get(name) ?? builtInRig(name).then((loaded) => loaded.rig);
  rigs.set(name, known);
  return known;
}

export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-import-"));
  dirs.push(dir);
  return dir;
}

export function sweep(): void {
  for (const dir of dirs) rmSync(dir, { recursive: true });
  dirs = [];
}

/** Runs an importer and reads its log back. A rejected import must not have created a log. */
export async function runImport(
  importer: Importer,
  source: string,
  options: ImportOptions = {},
): Promise<Imported> {
  const path = join(scratch(), "capture.mcap");
  const got = { origins: [] as string[], rig: null as Rig | null, created: 0 };
  const context: ImportContext = {
    rig: async (name) => options.rig ?? cachedRig(name),
    localToUnix: ([y, mo, d, h, mi, s, ns]) =>
      instant<"unix">(
        BigInt(Date.UTC(y, mo - 1, d, h - (options.zoneHours ?? 0), mi, s)) * 1_000_000n +
          BigInt(ns),
      ),
    ...(options.map === undefined ? {} : { map: options.map }),
    create(session, rig) {
      got.created++;
      got.rig = rig;
      return new LogWriter(path, { ...session, id: "test", source: "imported", software: "test" });
    },
    origin: (file) => void got.origins.push(file),
    progress: () => undefined,
  };
  try {
    await importer(source, context);
  } catch (error) {
    if (got.created > 0) throw new Error("a failed import left a run behind", { cause: error });
    throw error;
  }
  if (got.created !== 1) throw new Error(`create was called ${got.created} times`);
  return { ...readBack(path), origins: got.origins, rig: got.rig };
}

function readBack(path: string): Omit<Imported, "origins" | "rig"> {
  let session: Session | undefined;
  const all: Omit<Imported, "origins" | "rig" | "session"> = {
    layouts: [],
    channels: [],
    blocks: [],
    reads: [],
    marks: [],
    edges: [],
    notes: [],
  };
  for (const r of readCapture(path)) {
    if (r.kind === "session") session = r.session;
    else if (r.kind === "layout") all.layouts.push(r.layout);
    else if (r.kind === "channel") all.channels.push(r.channel);
    else if (r.kind === "rows")
      all.blocks.push({ ...r.block, bytes: Uint8Array.from(r.block.bytes) });
    else if (r.kind === "read") all.reads.push(r.read);
    else if (r.kind === "mark") all.marks.push(r.mark);
    else if (r.kind === "edge") all.edges.push(r.edge);
    else if (r.kind === "note") all.notes.push(r.note);
    else if (r.kind === "damage") throw new Error(r.damage.text);
  }
  return { session: session!, ...all };
}

/** All rows' bytes in file order. */
export function rowBytes(i: Imported): Buffer {
  return Buffer.concat(i.blocks.map((b) => b.bytes));
}

export const rowCount = (i: Imported): number => i.blocks.reduce((n, b) => n + b.rows, 0);

/** Sum of the counts of loss notes. */
export const lossCount = (i: Imported): number =>
  i.notes.filter((n) => n.level === "loss").reduce((n, x) => n + (x.count ?? 0), 0);

/** Reproducible noise in [0, 1): a linear congruential generator (Numerical Recipes' constants). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** Path inside the real captures, or undefined when TRUEJOULE_TRACES is not set. */
export function trace(path: string): string | undefined {
  const root = process.env.TRUEJOULE_TRACES;
  return root ? join(root, path) : undefined;
}
