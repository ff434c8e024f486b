// A process that holds a run's lock, says so, and stays.

import { lockRun } from "../../capture/run-lock.ts";

await lockRun(process.argv[2]!, "exclusive", () => undefined);
process.stdout.write("held\n");
setInterval(() => undefined, 1000);
