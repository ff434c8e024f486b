// The recorder with a DAQ that is a few lines of this file: what goes into the log beside the rows, and
// what a live page hears.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type CaptureRecord, readCapture } from "../../capture/log-reader.ts";
import { createRun } from "../../capture/new-run.ts";
import type { Bench } from "../../record/bench.ts";
import { checkChannels, deviceOf } from "../../record/device.ts";
import type { RecordingPlan } from "../../record/plan.ts";
import { record } from "../../record/recorder.ts";
import { builtInRig } from "../../rigs/load.ts";
import type { Note } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { session } from "../capture/small-log.ts";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "truejoule-recorder-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const DEVICE = JSON.stringify({ schema: "device/1", serial: "T1" });

async function bench(awayNs = 0): Promise<Bench> {
  return {
    rig: await builtInRig("virtual"),
    source: "virtual",
    grids: [],
    environment: { schema: "environment/1", warnings: ["a governor"] } as never,
    epoch: instant<"host">(process.hrtime.bigint()),
    triggerOutput: null,
    ownMarks: () => [],
    truthJ: null,
    description: "a DAQ of a few lines",
    close: async () => undefined,
    start: async () => ({
      timing: "nobody",
      device: DEVICE,
      rowsLost: () => 7,
      awayNs: () => awayNs,
      stop: async () => undefined,
    }),
  };
}

async function recorded(awayNs = 0): Promise<{
  log: CaptureRecord[];
  heard: Note[];
  devices: string[];
  lostRows: number;
}> {
  const made = await bench(awayNs);
  const devices: string[] = [];
  const heard: Note[] = [];
  const nothing = (): void => undefined;
  const plan: RecordingPlan = {
    paths: createRun(join(dir, `run-${awayNs}`)),
    session: { ...session, hostEpoch: made.epoch },
    bench: made,
    durationS: 0.1,
    program: null,
    interrupted: new AbortController().signal,
    realtime: false,
    trigger: false,
    onProgress: nothing,
    onFailure: nothing,
    tee: {
      device: (said) => void devices.push(said),
      declareRows: nothing,
      rows: nothing,
      edge: nothing,
      exchange: nothing,
      note: (n) => void heard.push(n),
      reads: nothing,
      mark: nothing,
    },
  };
  const { lostRows } = await record(plan);
  return { log: [...readCapture(plan.paths.capture)], heard, devices, lostRows };
}

describe("recorder", () => {
  test("device.json is what the device said of itself", async () => {
    const { log } = await recorded();
    const device = log.find((r) => r.kind === "attachment" && r.name === "device.json");
    expect(device?.kind === "attachment" && Buffer.from(device.data).toString()).toBe(DEVICE);
  });

  test("what a DAQ that did not come back would have sent is lost rows, and said", async () => {
    const { log, lostRows } = await recorded(2e9);
    expect(lostRows).toBe(200_007);
    const said = log.flatMap((r) => (r.kind === "note" && r.note.level === "loss" ? r.note : []));
    expect(said).toMatchObject([
      { text: "the DAQ did not come back before the end: about 200000 rows lost", count: 200_000 },
    ]);
    expect((await recorded()).lostRows).toBe(7);
  });

  test("a live page knows what the device said of itself", async () => {
    expect((await recorded()).devices).toEqual([DEVICE]);
  });

  test("a live page hears every note that the log has", async () => {
    const { log, heard } = await recorded();
    const notes = log.flatMap((r) => (r.kind === "note" ? [r.note.text] : []));
    expect(heard.map((n) => n.text)).toEqual(notes);
    expect(notes.join("\n")).toMatch(/a governor[^]*no telemetry on this machine/);
  });
});

describe("a rig and a DAQ that do not match", () => {
  test.each([
    ["example-sound-card", /describes files of kind wav, which truejoule import reads/],
    ["example-ina226", /does not identify itself: name the port with --port/],
  ])("%s cannot be recorded from as it is", async (name, why) => {
    const { rig } = await builtInRig(name);
    await expect(deviceOf(rig, undefined)).rejects.toThrow(why);
  });

  test("the channel that is missing is named, and those that are there", async () => {
    const { rig } = await builtInRig("virtual");
    const all = ["slot_v", "slot_i", "hpwr_v", "hpwr_i"];
    expect(() => checkChannels(rig, all, "the DAQ at /dev/x")).not.toThrow();
    expect(() => checkChannels(rig, all.slice(0, 3), "the DAQ at /dev/x")).toThrow(
      "rig virtual: rail hpwr_12v reads channel hpwr_i, which the DAQ at /dev/x does not have; it has slot_v, slot_i, hpwr_v: name one of these in the rig file",
    );
  });
});
