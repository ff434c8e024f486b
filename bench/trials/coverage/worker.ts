// Runs its share of a condition's sessions in a thread of its own.

import { parentPort, workerData } from "node:worker_threads";
import { append } from "../../../schema/lists.ts";
import { CONDITIONS } from "./conditions.ts";
import type { Share } from "./matrix.ts";
import { type Trial, trySession } from "./session.ts";

const { dir, condition, seeds, durationS } = workerData as Share;
const trials: Trial[] = [];
const found = CONDITIONS.find((c) => c.name === condition);
if (!found) throw new Error(`no condition "${condition}"`);
for (const seed of seeds) append(trials, await trySession(dir, found, seed, durationS));
parentPort?.postMessage(trials);
