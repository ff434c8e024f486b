// Notes of what an importer counted in a file.

import type { Note } from "../../../schema/records.ts";

/** What happened `n` times, if it happened at all. @param where names the file, or a part of it. */
export const counted = (where: string, level: Note["level"], n: number, text: string): Note[] =>
  n > 0 ? [{ level, text: `${where}: ${n} ${text}`, count: n }] : [];

export const cutLines = (path: string, n: number): Note[] =>
  counted(path, "loss", n, "lines are cut or malformed and were left out");
