// A part of the fault matrix (truejoule bench faults has all of it): made = logged + counted lost, over ptys.

import { expect, test } from "@jest/globals";
import { CASES } from "../../bench/fault-cases.ts";
import { runCase } from "../../bench/fault-run.ts";

const SHORT: readonly (readonly [string, string])[] = [
  ["wire", "wrong order, doubled, lost"],
  ["wire", "drop, garbage and flips"],
  ["text", "lines lost"],
  ["text", "reset"],
  ["text", "a wrong digit in three counters"],
  ["text", "host stopped for 1 s"],
  ["text-no-counter", "lines lost"],
  ["text-no-counter", "lines doubled"],
  ["powersensor3", "frames doubled"],
  ["powersensor3", "flipped bits"],
  ["pmd-usb", "a packet of 64 bytes sent again"],
  ["ppk2", "ten frames sent again"],
];

const onLinux = process.platform === "linux" ? test : test.skip;

onLinux.each(SHORT)(
  "fault matrix: %s, %s",
  async (device, name) => {
    const wanted = CASES.find((c) => c.device === device && c.name === name)!;
    expect(await runCase(wanted)).toMatchObject({ verdict: "ok" });
  },
  60_000,
);

test("fault matrix: twenty cases of wire, ten of each other device", () => {
  const count = (device: string): number => CASES.filter((c) => c.device === device).length;
  expect(count("wire")).toBeGreaterThanOrEqual(20);
  for (const device of ["text", "text-no-counter", "powersensor3", "pmd-usb", "ppk2"])
    expect(count(device)).toBeGreaterThanOrEqual(10);
});
