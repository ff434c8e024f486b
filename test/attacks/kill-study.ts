// Commands killed at random moments → what that broke (trial.ts says what must hold), kill by kill.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random } from "../../schema/random.ts";
import {
  ARGUMENTS,
  firstChange,
  type Kind,
  KINDS,
  killAt,
  makeTemplate,
  newTrial,
  readsFused,
  problemsAfter,
  problemsNow,
  runToEnd,
  tree,
} from "./trial.ts";

export interface KillOfCommand {
  readonly kind: Kind;
  readonly afterMs: number;
  /** Counted from its first change to the folder; else from its start. */
  readonly fromChange: boolean;
  /** It had not ended yet. */
  readonly working: boolean;
  readonly problems: readonly string[];
}

/** @param kinds taken in turn. @param onKill told each as it is done. */
export async function killCommands(
  count: number,
  atOnce: number,
  seed: number,
  kinds: readonly Kind[] = KINDS,
  onKill?: (kill: KillOfCommand, done: number) => void,
): Promise<KillOfCommand[]> {
  const base = mkdtempSync(join(tmpdir(), "truejoule-kills-"));
  try {
    const template = join(base, "template");
    await makeTemplate(template);
    const lastsMs = await durations(kinds, template, base);
    const r = random(seed, "kills of commands");
    const plans = Array.from({ length: count }, (_, k) => ({
      kind: kinds[k % kinds.length]!,
      // What a command does to the folder comes late and is short: most kills aim at it.
      fromChange: r.uniform() < 0.8,
      part: r.uniform(),
      fused: r.uniform() < 0.5,
    }));
    const kills: KillOfCommand[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let plan = plans[next++]; plan; plan = plans[next++]) {
        const { kind, fromChange, part, fused } = plan;
        const from = fromChange ? "work" : "whole";
        const lasts = lastsMs.get(kind)!;
        const afterMs = part * lasts[from];
        const dir = newTrial(template, base, fused || readsFused(kind));
        const before = tree(dir);
        const { working, lastedMs } = await killAt(ARGUMENTS[kind], dir, afterMs, fromChange);
        // Other work on the machine comes and goes, and a kill after the end tells nothing.
        lasts[from] = working ? 1.02 * lasts[from] : Math.min(lasts[from], 1.1 * lastedMs);
        const now = await problemsNow(kind, dir, before);
        const problems = [...now, ...(await problemsAfter(kind, dir, before))];
        if (problems.length === 0) rmSync(dir, { recursive: true, force: true });
        kills.push({ kind, afterMs, fromChange, working, problems });
        onKill?.(kills.at(-1)!, kills.length);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    return kills;
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

interface Duration {
  /** From start to end, and from the first change of the folder to the end, ms. */
  whole: number;
  work: number;
}

/** How long each takes when it is left alone. @throws Error where it fails: nothing could be learned from it. */
async function durations(
  kinds: readonly Kind[],
  template: string,
  base: string,
): Promise<Map<Kind, Duration>> {
  const lasts = new Map<Kind, Duration>();
  for (const kind of kinds) {
    const dir = newTrial(template, base, true);
    const begun = performance.now();
    const changed = firstChange(dir);
    const { code, stderr } = await runToEnd(ARGUMENTS[kind], dir);
    if (code !== 0 && code !== 3) throw new Error(`${kind}: ${stderr}`);
    const ended = performance.now();
    lasts.set(kind, { whole: 1.1 * (ended - begun), work: 1.1 * (ended - changed()) });
    rmSync(dir, { recursive: true, force: true });
  }
  return lasts;
}
