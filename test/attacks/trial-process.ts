// A process of trial-pool.ts: a plan of a kill or of a full disk in, what it came to out.

import { killOne, type KillPlan } from "./kill-study.ts";
import { type DiskPlan, onSmallDisk } from "./full-disk.ts";

process.on("message", (plan: KillPlan | DiskPlan) => {
  const done = "part" in plan ? killOne(plan) : onSmallDisk(plan);
  void done.then((result) => process.send!(result));
});
