// calibrate --write-board on a virtual DAQ behind a pty: kept and given back, refused while it runs, and what
// does not fit or does not belong there. Linux.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { command } from "../../cli/calibrate.ts";
import { boardText, writeToBoard } from "../../cli/calibration/board.ts";
import { readCalibration } from "../../ingest/instruments/truejoule-daq/calibration-store.ts";
import { converse } from "../../ingest/instruments/truejoule-daq/handshake.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import { startEmulator } from "../../firmware/emulator/start.ts";
import { builtInRig } from "../../rigs/load.ts";
import { spawnVirtualDaq, type VirtualDaqProcess } from "../../virtual/daq/spawn.ts";
import { readRecord } from "../../schema/calibration-record.ts";
import { type CalibrationRecord } from "../../schema/documents/calibration.ts";
import { CommandType } from "../../schema/wire/frame-commands.ts";
import { call } from "../end-to-end/call.ts";
import { whyNot } from "../firmware/trial.ts";
import { writeSteady } from "./steady-capture.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;

onLinux("a record on the board", () => {
  let dir: string;
  let daq: VirtualDaqProcess;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "truejoule-board-"));
    const { rig } = await builtInRig("emulated-pico");
    writeSteady(join(dir, "off"), rig, { adc0: { at: () => 12 }, adc2: { at: () => 12 } });
    daq = await spawnVirtualDaq((await builtInRig("virtual")).rig, []);
  });
  afterAll(async () => {
    await daq.stop();
    rmSync(dir, { recursive: true });
  });

  const calibrated = (name: string, port = daq.path) =>
    call(command, [], {
      ...{ out: join(dir, name), zero: [join(dir, "off")] },
      ...{ port, "write-board": true },
    });
  const kept = (): Promise<string> => converse(ttyPort(daq.path), readCalibration);
  const written = (name: string): CalibrationRecord =>
    JSON.parse(readFileSync(join(dir, name), "utf8")) as CalibrationRecord;

  test("is kept, given back, and said to be a simulation's", async () => {
    const { error, printed } = await calibrated("first.json");
    expect(error).toBeNull();
    expect(printed.at(-1)).toMatch(
      /^written to .*, read back and equal, \d+ bytes; virtual: it is gone/,
    );
    expect(readRecord("the board", await kept())).toEqual(written("first.json"));
  });

  test("is refused while the board runs: one line, the file is there, the board as it was", async () => {
    const before = await kept();
    await converse(ttyPort(daq.path), (c) => c.request(CommandType.start, "start"));
    const { error } = await calibrated("second.json");
    expect([error?.tag, error?.message]).toEqual([
      "InputError",
      expect.stringMatching(
        /^\S+second\.json is written, the board was not: .*refused in this state.*it must not be recording/,
      ),
    ]);
    expect(existsSync(join(dir, "second.json"))).toBe(true);
    await converse(ttyPort(daq.path), (c) => c.request(CommandType.stop, "stop"));
    expect(await kept()).toBe(before);
  });

  test("of another kind of bench stays off it; nobody there is said", async () => {
    const foreign = { ...written("first.json"), source: "hardware" };
    await expect(writeToBoard(daq.path, foreign)).rejects.toThrow(/from hardware data.*is virtual/);
    const { error } = await calibrated("third.json", join(dir, "no-port"));
    expect(error!.message).toMatch(/third\.json is written, the board was not: .*no such device/);
    const options = { out: join(dir, "x.json"), "write-board": true };
    expect((await call(command, [], options)).error).toMatchObject({ tag: "UsageError" });
  });

  test("is cut to what a board keeps: first the points go, then it is refused", () => {
    const record = written("first.json");
    const point = { run: "runs/a-long-name", count: 2048.5, count_u: 0.01, value: 20.03 };
    const [sensor] = record.sensors;
    const many = { ...record, sensors: [{ ...sensor!, points: Array(200).fill(point) as never }] };
    const { text, omitted } = boardText(many);
    expect(readRecord("it", text).sensors[0]).toEqual({ ...sensor, points: [] });
    expect(omitted).toMatch(/without the points/);
    const wide = { ...record, sensors: Array(30).fill(sensor) as never };
    expect(() => boardText(wide)).toThrow(/too long for a board, which keeps 4096 bytes/);
  });

  const onFirmware = whyNot ? test.skip : test;
  onFirmware(
    "the real firmware, emulated, keeps it and gives it back",
    async () => {
      const { rig } = await builtInRig("emulated-pico");
      const emulator = await startEmulator({ rig, seed: 1, seconds: 30 });
      try {
        const record = { ...written("first.json"), source: "emulated" };
        expect(await writeToBoard(emulator.tty, record)).toMatch(
          /read back and equal.*; emulated: /,
        );
        const text = await converse(ttyPort(emulator.tty), readCalibration);
        expect(readRecord("the board", text)).toEqual(record);
      } finally {
        await emulator.stop();
      }
    },
    120_000,
  );
});
