// docs/ARCHITECTURE.md names files; they exist, and a sample's way stays short.

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";

const text = readFileSync(new URL("../../docs/ARCHITECTURE.md", import.meta.url), "utf8");
const TOP =
  /^(align|bench|capture|cli|dataset|energy|firmware|gpio|host|ingest|marks|nvml|protocols|record|rigs|schema|stats|test|view|virtual)\//;

/** What stands in code marks and is a path from the top. */
const named = (part: string): string[] =>
  [...part.matchAll(/`([^`\s*]+)`/g)].map((m) => m[1]!).filter((path) => TOP.test(path));

const walk = (title: string): string[] => {
  const [, rest] = text.split(`## ${title}\n`);
  return [...rest!.split("\n## ")[0]!.matchAll(/^\d+\. .*$/gm)].map((m) => m[0]);
};

test("every file and folder that it names is there", () => {
  const gone = named(text).filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)));
  expect(gone).toEqual([]);
});

test("a sample passes through 17 files at most, from the byte to the Joule", () => {
  const steps = walk("Follow one sample from the byte to the Joule");
  expect(steps.length).toBeLessThanOrEqual(17);
  for (const step of steps) expect(named(step).length).toBeGreaterThan(0);
});

test.each(["Follow one telemetry read", "Follow one mark"])(
  "%s: each step names its file",
  (title) => {
    const steps = walk(title);
    expect(steps.length).toBeGreaterThan(10);
    for (const step of steps) expect(named(step).length).toBeGreaterThan(0);
  },
);
