// What an importer is: a function that reads a foreign capture and writes the same log a recorder would.
// It parses and checks before it calls `create`, so that a bad source leaves no run behind.

import type { LogWriter } from "../../capture/log-writer.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import type { Instant } from "../../schema/time.ts";

/** What only the importer knows of the session; the caller adds id, source and software. */
export type ImportedSession = Pick<Session, "hostClock" | "hostEpoch" | "startUnix" | "labels">;

/** As a wall clock shows it; months from 1. */
export type LocalTime = readonly [
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  ns: number,
];

export interface ImportContext {
  /** `--rig FILE`, if given, else the built-in rig of that name (rigs/NAME.yaml). */
  rig(builtIn: string): Promise<Rig>;
  /**
   * Naive local time → UTC. Without `--tz` it takes the time as UTC, and the run is flagged. Of the two meanings
   * that a time has where clocks are set back, the one nearest to `near` is taken.
   */
  localToUnix(local: LocalTime, near?: Instant<"unix">): Instant<"unix">;
  /** `--map`, for the csv importer. */
  readonly map?: string;
  /** Makes the run folder and its log with session, rig and origin attached; call once. */
  create(session: ImportedSession, rig: Rig | null): LogWriter;
  /** Names a source file; its size and SHA-256 go into origin.json. Call before `create`. */
  origin(path: string): void;
  progress(done: number, total: number): void;
}

/** @throws InputError naming file, offset or line, expected and found, when the source is not what it should be. */
export type Importer = (source: string, context: ImportContext) => Promise<void>;
