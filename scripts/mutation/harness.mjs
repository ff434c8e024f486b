// What the tests import instead of "@jest/globals" under mutation: test files → a flat list of tests, and their run.

import { expect } from "expect";
import { bind } from "jest-each";
import { pathToFileURL } from "node:url";

/** @type the suite whose body is running: its hooks, and the ones around it. */
let suite;
let file = "";
let inFile = 0;
let tests = [];

/** Imports the files, each anew. @returns their tests in order. */
export async function load(files, version) {
  tests = [];
  for (file of files) {
    suite = newSuite("", undefined);
    inFile = 0;
    await import(`${pathToFileURL(file).href}?v=${version}`);
  }
  return tests;
}

/** @returns the first failure, if any: nothing is run after it but what clears up. */
export async function run(chosen) {
  const begun = new Set();
  let failure;
  for (const test of chosen) {
    try {
      await one(test, begun);
    } catch (error) {
      failure = { test, message: error?.message ?? String(error) };
      break;
    }
  }
  for (const s of [...begun].reverse())
    for (const hook of s.afterAll)
      await Promise.resolve()
        .then(hook)
        .catch(() => undefined);
  return failure;
}

async function one({ suites, body }, begun) {
  for (const s of suites) {
    if (begun.has(s)) continue;
    begun.add(s);
    for (const hook of s.beforeAll) await hook();
  }
  for (const s of suites) for (const hook of s.beforeEach) await hook();
  try {
    await body();
  } finally {
    for (const s of suites.toReversed()) for (const hook of s.afterEach) await hook();
  }
}

const newSuite = (name, around) => ({
  name,
  around,
  ...{ beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] },
});

function describe(name, body) {
  suite = newSuite(name, suite);
  body();
  suite = suite.around;
}

function test(name, body) {
  const suites = [];
  for (let s = suite; s; s = s.around) suites.unshift(s);
  const id = [file, String(inFile++), ...suites.slice(1).map((s) => s.name), name].join(" › ");
  tests.push({ id, file, suites, body });
}

describe.each = bind(describe, false);
test.each = bind(test, false);
describe.skip = test.skip = () => {};

const hook = (kind) => (body) => suite[kind].push(body);
const [beforeAll, beforeEach] = [hook("beforeAll"), hook("beforeEach")];
const [afterAll, afterEach] = [hook("afterAll"), hook("afterEach")];

export { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test };
