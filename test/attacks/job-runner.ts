// The process that jobs.ts starts: jobs as JSON on stdin, one line for each on stdout.

import { readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Command, makeUi } from "../../cli/command.ts";
import type { Job } from "./jobs.ts";
import { type Damage, damaged, readDamaged } from "./table-readers.ts";

const jobs = JSON.parse(readFileSync(0, "utf8")) as Job[];
const ui = { ...makeUi(true, true), warn: () => undefined, document: () => undefined };

for (const { name, command, positionals, options = {} } of jobs) {
  const before = process.cpuUsage();
  const { code, message } = await outcome(command, positionals, options);
  const { user, system } = process.cpuUsage(before);
  const peakMB = process.resourceUsage().maxRSS / 1024;
  writeSync(1, `${JSON.stringify({ name, code, message, cpuS: (user + system) / 1e6, peakMB })}\n`);
}

async function outcome(
  name: string,
  positionals: Job["positionals"],
  options: NonNullable<Job["options"]>,
): Promise<{ code: number | null; message: string }> {
  try {
    // A derived file replaced, and then the command.
    if (name === "attack") {
      const [then, run, file, by] = positionals as [string, string, string, string];
      rmSync(file, { force: true });
      symlinkSync(by, file);
      return await outcome(then, [run], then === "export" ? { csv: `${run}.csv` } : {});
    }
    // A table with some bytes changed, by one of its readers or by a command.
    if (name === "table") {
      const [run, table, reader, damage] = positionals as [string, string, string, string];
      await readDamaged(run, table, Number(reader), JSON.parse(damage) as Damage);
      return { code: 0, message: "" };
    }
    if (name === "damage") {
      const [then, run, table, damage] = positionals as [string, string, string, string];
      const path = join(run, table);
      const whole = readFileSync(path);
      writeFileSync(path, damaged(whole, JSON.parse(damage) as Damage));
      return await outcome(then, [run], options).finally(() => {
        rmSync(path, { force: true });
        writeFileSync(path, whole);
      });
    }
    const { command } = (await import(`../../cli/${name}.ts`)) as { command: Command };
    return { code: await command.run({ positionals, options, rest: [], ui }), message: "" };
  } catch (error) {
    const e = error as Error & { tag?: string; code?: string; path?: string };
    // As explain() of cli/main.ts has it.
    const meant = e.tag !== undefined || (e.code !== undefined && e.path !== undefined);
    return { code: meant ? 1 : null, message: meant ? e.message : (e.stack ?? e.message) };
  }
}
