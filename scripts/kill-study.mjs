// How much a killed recorder loses: node scripts/kill-study.mjs [kills] [at once] → a JSON summary.
// Each kill is a process that records 100,000 rows a second with flushMs 500 and gets SIGKILL at a random
// moment; its log is recovered and every row held against what was written (test/capture/kill.ts).
import "./ts-register.mjs";

const [kills = "1000", atOnce = "8"] = process.argv.slice(2);
const FLUSH_MS = 500;
const { killMany } = await import("../test/capture/kill.ts");
const { random } = await import("../schema/random.ts");

const r = random(1, "kill study");
const results = await killMany(
  Number(kills),
  Number(atOnce),
  () => 100 + 2400 * r.uniform(),
  FLUSH_MS,
  (_, done) => done % 50 === 0 && process.stderr.write(`${done} of ${kills}\n`),
);
const spread = (f) => {
  const s = results.map(f).sort((a, b) => a - b);
  const at = (q) => s[Math.floor(q * (s.length - 1))];
  return { median: at(0.5), p95: at(0.95), max: at(1) };
};
const total = (f) => results.reduce((n, k) => n + f(k), 0);
const summary = {
  schema: "kill-study/1",
  kills: results.length,
  flush_ms: FLUSH_MS,
  rows_handed: total((k) => k.handedRows),
  rows_kept: total((k) => k.keptRows),
  wrong_rows: total((k) => k.wrongRows),
  damaged_after_recovery: total((k) => k.damages),
  cut_inside_a_write: results.filter((k) => k.cutBytes > 0).length,
  lost_s: spread((k) => k.lostS),
  lost_sample_s: spread((k) => k.lostSampleS),
  within_one_second: results.filter((k) => k.lostS <= 1).length,
  sample_time_within_one_second: results.filter((k) => k.lostSampleS <= 1).length,
};
process.stdout.write(`${JSON.stringify(summary, null, 1)}\n`);
process.exitCode = summary.wrong_rows === 0 && summary.within_one_second === results.length ? 0 : 1;
