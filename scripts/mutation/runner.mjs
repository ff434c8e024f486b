// Stryker's test runner for this project: tests are loaded once into plain Node and asked again for every mutant,
// fast ones first, up to the first that fails. Jest as the runner begins anew for each mutant: seconds instead of
// milliseconds. Also says which texts are not mutated.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { register } from "node:module";
import { relative } from "node:path";
import { declareClassPlugin, declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
import { DryRunStatus, MutantRunStatus, TestStatus } from "@stryker-mutator/api/test-runner";
import { load, run } from "./harness.mjs";
import { reach } from "./reach.mjs";

/** Stryker's switch board: which mutant is active, and who hit which. */
const board = (globalThis.__stryker__ ??= {});
/** What a process that follows one which hung must load, before the clock of its first mutant runs. */
const LOADED = "mutation-tests.json";
const inSandbox = (path) => relative(process.cwd(), path);

class Runner {
  #testsOf;
  #tests = [];
  #loads = 0;
  #spentMs = new Map();

  static inject = ["options"];

  constructor({ mutation }) {
    register("./hooks.mjs", import.meta.url);
    this.#testsOf = reach(mutation);
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    if (existsSync(LOADED)) await this.#load(JSON.parse(readFileSync(LOADED, "utf8")));
  }

  async dryRun({ files }) {
    const sources = files.map(inSandbox);
    await this.#load(sources);
    writeFileSync(LOADED, JSON.stringify(sources));
    const tests = [];
    for (const test of this.#tests) {
      board.currentTestId = test.id;
      const begin = performance.now();
      const failure = await run([test]);
      const timeSpentMs = performance.now() - begin;
      this.#spentMs.set(test.id, timeSpentMs);
      const outcome = failure
        ? { status: TestStatus.Failed, failureMessage: failure.message }
        : { status: TestStatus.Success };
      tests.push({ id: test.id, name: test.id, fileName: test.file, timeSpentMs, ...outcome });
    }
    board.currentTestId = undefined;
    const mutantCoverage = board.mutantCoverage ?? { static: {}, perTest: {} };
    return { status: DryRunStatus.Complete, tests, mutantCoverage };
  }

  async mutantRun({ activeMutant, sandboxFileName, testFilter, hitLimit, ...how }) {
    Object.assign(board, { hitLimit, hitCount: hitLimit && 0 });
    board.activeMutant = how.mutantActivation === "static" ? activeMutant.id : undefined;
    const source = inSandbox(sandboxFileName);
    try {
      // Only a test that is loaded can be asked: those of this file, or after a hung one those of all that follow.
      if (how.reloadEnvironment || !this.#isLoadedFor(testFilter)) await this.#load([source]);
    } catch (error) {
      return killed("loading", error, 0);
    }
    board.activeMutant = activeMutant.id;
    const wanted = testFilter && new Set(testFilter);
    const tests = this.#tests
      .filter((t) => !wanted || wanted.has(t.id))
      .sort((a, b) => this.#ms(a) - this.#ms(b));
    const failure = await run(tests);
    board.activeMutant = undefined;
    if (board.hitCount > hitLimit) return { status: MutantRunStatus.Timeout };
    if (!failure) return { status: MutantRunStatus.Survived, nrOfTests: tests.length };
    // What the mutant left behind must not fail the next one.
    if (await run([failure.test])) this.#tests = [];
    return killed(failure.test.id, failure, tests.length);
  }

  #isLoadedFor(testFilter) {
    const loaded = new Set(this.#tests.map(({ id }) => id));
    return testFilter ? testFilter.every((id) => loaded.has(id)) : loaded.size > 0;
  }

  #ms(test) {
    return this.#spentMs.get(test.id) ?? 0;
  }

  async #load(sources) {
    this.#tests = await load(this.#testsOf(sources), ++this.#loads);
  }
}

const killed = (id, { message }, nrOfTests) => ({
  status: MutantRunStatus.Killed,
  killedBy: [id],
  failureMessage: String(message).slice(0, 500),
  nrOfTests,
});

/** Sentences that people read: no Joule hangs on their wording, and tests match the parts that matter. */
const sentences = {
  shouldIgnore: ({ node }) =>
    (node.type === "StringLiteral" && node.value.includes(" ")) ||
    (node.type === "TemplateLiteral" && node.quasis.some((q) => q.value.raw.includes(" ")))
      ? "a sentence"
      : undefined,
};

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, "in-process", Runner),
  declareValuePlugin(PluginKind.Ignore, "sentences", sentences),
];
