// Runs its share of a condition's sessions in a thread of its own.

import { parentPort, workerData } from "node:worker_threads";
import { append } from "../../../schema/lists.ts";
import { CONDITIONS_OF, type Share } from "./matrix.ts";
import { trySession } from "./session.ts";
import type { Trial } from "./trial.ts";

const { dir, trial, condition, seeds, durationS } = workerData as Share;
const trials: Trial[] = [];
const found = CONDITIONS_OF[trial].find((c) => c.name === condition);
if (!found) throw new Error(`no condition "${condition}"`);
for (const seed of seeds) append(trials, await trySession(dir, found, seed, durationS));
parentPort?.postMessage(trials);
