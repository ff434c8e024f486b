// Measures a program: its Joules by the shunts beside what each telemetry channel claims.
//   node --experimental-strip-types measure.ts RIG RUN [PROGRAM …]   (Node 22; or compile it first)

import { compare, fuse, record, report } from "truejoule";

const [rig = "virtual", out = "runs/measured", ...program] = process.argv.slice(2);

const what = program.length > 0 ? { program } : { durationS: 5 };
const recording = await record(
  { out, rig, ...what, signals: true },
  { onFinding: (text) => console.error(text) },
);
await fuse(out);
const { document, degraded } = await compare(out);
for (const { name, physical, telemetry } of document.windows) {
  if (!physical) continue;
  console.log(`${name}: ${physical.energy_j} ± ${physical.expanded_uncertainty_j} J`);
  for (const claim of telemetry) console.log(`  ${claim.channel}: ${claim.energy_j} J`);
}
console.log((await report(out)).report);
process.exitCode = recording.degraded || degraded ? 3 : 0;
