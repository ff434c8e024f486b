// What kills and full disks cost: node scripts/kill-study.mjs [kills] [at once] [full disks] [seed] → a JSON summary,
// exit 1 on any violation. Three parts:
// - a tenth of the kills, 100 at least: a recorder at 100,000 rows a second with flushMs 500 is killed; its log is
//   recovered and every row held against what was written (test/capture/kill.ts);
// - the kills: record, fuse, compare, report, export and import, each in a folder with a user's files beside and
//   inside the run (test/attacks/trial.ts says what must hold);
// - full disks (root only: each has a tmpfs of its own): the same commands, and what a recording told of itself
//   against what its log holds (test/attacks/full-disk.ts).
// Needs the built command (npm run build).
import "./ts-register.mjs";

const [kills = "1000", atOnce = "3", disks = "200", seed = "1"] = process.argv.slice(2);
const FLUSH_MS = 500;
const { killMany } = await import("../test/capture/kill.ts");
const { killCommands } = await import("../test/attacks/kill-study.ts");
const { fillDisks, isRoot } = await import("../test/attacks/full-disk.ts");
const { random } = await import("../stats/random.ts");

/** A violation at once, and how far it is, twenty times in a part. */
const tell = (what, of) => {
  const [begun, step] = [performance.now(), Math.ceil(of / 20)];
  return (trial, done) => {
    if (trial.problems?.length > 0) process.stderr.write(`${what}: ${JSON.stringify(trial)}\n`);
    const s = (performance.now() - begun) / 1e3;
    if (done % step === 0) process.stderr.write(`${what}: ${done} of ${of}, ${s.toFixed(0)} s\n`);
  };
};
const writers = Math.max(100, Math.round(Number(kills) / 10));
const r = random(Number(seed), "kill study");
const rows = await killMany(
  writers,
  Number(atOnce),
  () => 100 + 2400 * r.uniform(),
  FLUSH_MS,
  tell("killed writers", writers),
);
const commands = await killCommands(
  Number(kills),
  Number(atOnce),
  Number(seed),
  undefined,
  tell("killed commands", kills),
);
const full = isRoot()
  ? await fillDisks(
      Number(disks),
      Number(atOnce),
      Number(seed),
      undefined,
      tell("full disks", disks),
    )
  : null;

const spread = (results, f) => {
  const s = results.map(f).sort((a, b) => a - b);
  const at = (q) => s[Math.floor(q * (s.length - 1))];
  return { median: at(0.5), p95: at(0.95), max: at(1) };
};
const total = (f) => rows.reduce((n, k) => n + f(k), 0);
/** By command: trials, those that met it at work, those with a violation. */
const byKind = (trials, met) => {
  const kinds = [...new Set(trials.map((t) => t.kind))];
  const count = (kind, f) => trials.filter((t) => t.kind === kind && f(t)).length;
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        trials: count(kind, () => true),
        met: count(kind, met),
        violations: count(kind, (t) => t.problems.length > 0),
      },
    ]),
  );
};
const violations = [
  ...commands.map((t) => ({ ...t, by: "kill" })),
  ...(full ?? []).map((t) => ({ ...t, by: "full disk" })),
].filter((t) => t.problems.length > 0);
const summary = {
  schema: "kill-study/2",
  seed: Number(seed),
  writer: {
    kills: rows.length,
    flush_ms: FLUSH_MS,
    rows_handed: total((k) => k.handedRows),
    rows_kept: total((k) => k.keptRows),
    wrong_rows: total((k) => k.wrongRows),
    damaged_after_recovery: total((k) => k.damages),
    cut_inside_a_write: rows.filter((k) => k.cutBytes > 0).length,
    lost_s: spread(rows, (k) => k.lostS),
    lost_sample_s: spread(rows, (k) => k.lostSampleS),
    within_one_second: rows.filter((k) => k.lostS <= 1).length,
  },
  kills: { count: commands.length, commands: byKind(commands, (t) => t.working) },
  full_disks: full && { count: full.length, commands: byKind(full, (t) => t.met) },
  violations: violations.length,
  // Of each sort, the first few in full.
  examples: violations.slice(0, 20),
};
process.stdout.write(`${JSON.stringify(summary, null, 1)}\n`);
const sound = summary.writer.wrong_rows === 0 && summary.writer.within_one_second === rows.length;
process.exitCode = sound && violations.length === 0 ? 0 : 1;
