// The files that were made from a log → the head of its chain that each of them noted then.

import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { KnownHead } from "../capture/chain-check.ts";
import type { RunPaths } from "../capture/run.ts";
import { DERIVED } from "../schema/documents/derived.ts";
import { checked } from "../schema/documents/document.ts";
import { openArrow } from "./arrow-reader.ts";
import { documentText } from "./documents/document-text.ts";

/** Of the files that are there and can be read: what is wrong with the others, verify-derived.ts says. */
export async function knownHeads(paths: RunPaths): Promise<KnownHead[]> {
  const tables = [paths.fused, paths.events, paths.telemetry, paths.folded];
  const found = await Promise.all([
    ...tables.map((p) => noted(p, tableHead)),
    ...[paths.align, paths.compare].map((p) => noted(p, jsonHead)),
  ]);
  return found.filter((h) => h !== undefined);
}

type Noted = { readonly head: unknown; readonly links: unknown };

async function noted(
  path: string,
  read: (path: string) => Promise<Noted>,
): Promise<KnownHead | undefined> {
  if (!existsSync(path)) return undefined;
  const { head, links } = await read(path).catch(() => ({ head: null, links: null }));
  if (typeof head !== "string" || !Number.isSafeInteger(links)) return undefined;
  return { by: basename(path), head, links: links as number };
}

async function tableHead(path: string): Promise<Noted> {
  const table = await openArrow(path, "truejoule fuse");
  await table.close();
  const { metadata } = table.schema;
  const links = metadata.get("capture_chain_links");
  return { head: metadata.get("capture_chain_head"), links: links && Number(links) };
}

async function jsonHead(path: string): Promise<Noted> {
  const capture = checked(DERIVED, documentText(path)).document?.capture;
  return { head: capture?.chain_head, links: capture?.chain_links };
}
