// node scripts/mutation/total.mjs REPORT.json…: mutants of every file in Stryker's reports, and of all together.
// Of a file that is in several reports the last counts.

import { readFileSync } from "node:fs";

const files = new Map();
for (const path of process.argv.slice(2))
  for (const [file, { mutants }] of Object.entries(JSON.parse(readFileSync(path, "utf8")).files))
    files.set(file, mutants);

const count = (mutants, ...statuses) => mutants.filter((m) => statuses.includes(m.status)).length;
function line(name, mutants) {
  const killed = count(mutants, "Killed", "Timeout");
  const [survived, unreached] = [count(mutants, "Survived"), count(mutants, "NoCoverage")];
  const all = killed + survived + unreached;
  const score = all > 0 ? ((100 * killed) / all).toFixed(1) : "";
  console.log(`| ${name} | ${all} | ${killed} | ${survived} | ${unreached} | ${score} |`);
}

console.log(
  "| file | mutants | killed | survived | not reached | % |\n| --- | --- | --- | --- | --- | --- |",
);
for (const [file, mutants] of [...files].sort()) line(file, mutants);
line("all", [...files.values()].flat());
