// gpio/ against a real kernel's GPIO code, in the guest that boot.sh starts. Prints one JSON line a check
// and ends with 0 when all held. The far ends of the lines are gpio-sim's files in sysfs.

import { closeSync, openSync, readFileSync, readdirSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { findLine, freeLines, listChips } from "../../gpio/chips.ts";
import { openInput } from "../../gpio/input-line.ts";
import { linux } from "../../gpio/kernel.ts";
import { drive, openOutput } from "../../gpio/output-line.ts";
import type { Mark } from "../../schema/records.ts";

let failed = 0;
function report(check: string, ok: boolean, figures: object = {}): void {
  if (!ok) failed++;
  console.log(JSON.stringify({ check, ok, ...figures }));
}

const platform = "/sys/devices/platform/gpio-sim.0";
const folder = `${platform}/${readdirSync(platform).find((n) => n.startsWith("gpiochip"))}`;
const levelOf = (line: number) => readFileSync(`${folder}/sim_gpio${line}/value`, "utf8").trim();

const marks: Mark[] = [];
let lost = 0;
const reasons = new Set<string>();
const sink = {
  onMark: (m: Mark) => void marks.push(m),
  onLoss: (count: number, why: string) => {
    lost += count;
    reasons.add(why);
  },
};
const forget = () => {
  marks.length = 0;
  lost = 0;
  reasons.clear();
};

const [chip] = listChips(linux()).usable;
report("chip listed", chip?.lines === 8 && chip.allLines[0]?.name === "TRIG", {
  label: chip?.label,
  free: chip && freeLines(chip),
});
report("line found by label and name", findLine(linux(), `${chip!.label}/TRIG`).line.offset === 0);

const output = await openOutput(`${chip!.label}/TRIG`);
const levels = [levelOf(0)];
for (const level of [1, 0, 1] as const) {
  drive(output, level);
  levels.push(levelOf(0));
}
report("output drives the line, low at first", levels.join("") === "0101", { levels });
const refused = await openOutput(`${chip!.label}/TRIG`).then(
  () => "",
  (e: Error) => e.message,
);
report("a line in use is refused", /errno 16/.test(refused), { message: refused });
output.close();

const pull = openSync(`${folder}/sim_gpio1/pull`, "w");
const set = (level: 0 | 1) => writeSync(pull, level ? "pull-up" : "pull-down", 0);

let input = openInput(`${chip!.label}/1+2`, sink);
const brackets: [bigint, bigint][] = [];
for (let n = 0; n < 50; n++) {
  const before = process.hrtime.bigint();
  set(n % 2 === 0 ? 1 : 0);
  // An emulated interrupt thread on a busy host takes its time: the next edge waits for this one.
  for (let look = 0; look < 2000 && marks.length <= n; look++) {
    input.poll();
    if (marks.length <= n) await sleep(1);
  }
  brackets.push([before, process.hrtime.bigint()]);
}
const inside = marks.filter((m, i) => brackets[i]![0] <= m.t && m.t <= brackets[i]![1]).length;
report("slow edges: all seen, stamped inside their bracket", inside === 50 && lost === 0, {
  inside,
  lost,
});
report(
  "levels alternate",
  marks.every((m, i) => m.fields!["level"] === (i % 2 === 0 ? 1 : 0)),
);

for (const edges of [2400, 6000]) {
  forget();
  for (let n = 0; n < edges; n++) set(n % 2 === 0 ? 1 : 0);
  await sleep(500);
  input.close();
  const gone = edges - marks.length;
  // Numbers that the kernel's thread draws twice (docs/gpio.md) count an edge again: the busier the host,
  // the more. What must not happen is the other side: edges gone that nobody counted.
  const counted = lost - gone >= -0.02 * edges && lost - gone <= 0.1 * edges;
  report(`burst of ${edges}: losses counted`, counted, {
    seen: marks.length,
    gone,
    counted: lost,
    reasons: [...reasons],
  });
  input = openInput(`${chip!.label}/1+2`, sink);
}
input.close();
closeSync(pull);
process.exit(failed === 0 ? 0 : 1);
