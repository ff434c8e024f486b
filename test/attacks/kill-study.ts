// Commands killed at random moments → what that broke (trial.ts says what must hold), kill by kill.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random } from "../../stats/random.ts";
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
import { inProcesses } from "./trial-pool.ts";

export interface KillOfCommand {
  readonly kind: Kind;
  readonly afterMs: number;
  /** Counted from its first change to the folder; else from its start. */
  readonly fromChange: boolean;
  /** It had not ended yet. */
  readonly working: boolean;
  readonly problems: readonly string[];
}

export interface KillPlan {
  readonly kind: Kind;
  readonly fromChange: boolean;
  /** Of how long the command lasts, when it is killed. */
  readonly part: number;
  readonly fused: boolean;
  readonly template: string;
  readonly base: string;
  readonly lasts: Duration;
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
    const plans = Array.from({ length: count }, (_, k): KillPlan => {
      const kind = kinds[k % kinds.length]!;
      return {
        kind,
        // What a command does to the folder comes late and is short: most kills aim at it.
        fromChange: r.uniform() < 0.8,
        part: r.uniform(),
        fused: r.uniform() < 0.5 || readsFused(kind),
        template,
        base,
        lasts: lastsMs.get(kind)!,
      };
    });
    return await inProcesses(plans, atOnce, onKill);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** As this process has seen them since; other work on the machine comes and goes, and a kill after the end tells nothing. */
const lastsNow = new Map<Kind, Duration>();

export async function killOne(plan: KillPlan): Promise<KillOfCommand> {
  const { kind, fromChange, part, fused, template, base } = plan;
  const from = fromChange ? "work" : "whole";
  const lasts = lastsNow.get(kind) ?? plan.lasts;
  const afterMs = part * lasts[from];
  const dir = newTrial(template, base, fused);
  const before = tree(dir);
  const { working, lastedMs } = await killAt(ARGUMENTS[kind], dir, afterMs, fromChange);
  const seen = working ? 1.02 * lasts[from] : Math.min(lasts[from], 1.1 * lastedMs);
  lastsNow.set(kind, { ...lasts, [from]: seen });
  const now = await problemsNow(kind, dir, before);
  const problems = [...now, ...(await problemsAfter(kind, dir, before))];
  if (problems.length === 0) rmSync(dir, { recursive: true, force: true });
  return { kind, afterMs, fromChange, working, problems };
}

interface Duration {
  /** From start to end, and from the first change of the folder to the end, ms. */
  readonly whole: number;
  readonly work: number;
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
