// A rig file: can it be read, and what in it will be held against every result.

import { shortestOnRails } from "../../energy/shortest.ts";
import { type LoadedRig, resolveRig } from "../../rigs/load.ts";
import type { Rail, Rig, Sensor } from "../../schema/rig.ts";
import { formatQuantity } from "../../schema/units.ts";
import { onRails } from "../shortest-text.ts";
import type { Finding } from "./machine.ts";

const YEAR_MS = 365.25 * 86400e3;

/** @param nowMs Unix time, for the age of calibrations. @returns the rig too, where it could be read. */
export async function rigFindings(
  name: string,
  nowMs: number,
): Promise<{ findings: Finding[]; rig: Rig | null }> {
  let loaded: LoadedRig;
  try {
    loaded = await resolveRig(name);
  } catch (error) {
    const text = (error as Error).message;
    const remedy = "rigs/README.md describes the format";
    return { findings: [{ check: "rig", verdict: "no", text, remedy }], rig: null };
  }
  const { rig } = loaded;
  const rate = formatQuantity(rig.device.rowHz, "Hz");
  const rails = rig.rails.map((r) => r.name).join(", ");
  const simulated = rig.device.kind === "virtual" ? ", simulated" : "";
  const findings: Finding[] = [
    { check: "rig", verdict: "ok", text: `${rig.name}: ${rails} at ${rate}${simulated}` },
    {
      check: "rig events",
      verdict: "ok",
      text: `the shortest that the rails resolve: ${onRails(shortestOnRails(rig))}`,
    },
    ...rig.rails.flatMap((rail) => railFindings(rail, rig.device, nowMs)),
    ...rig.missingRails.map((r): Finding => ({
      check: `rig ${r.name}`,
      verdict: "warn",
      text: `has no sensor; up to ${formatQuantity(r.maxPowerW, "W")} enter every uncertainty`,
      remedy: "put a sensor on it, or bound it tighter",
    })),
  ];
  if (rig.trigger)
    findings.push({
      check: "rig trigger",
      verdict: "ok",
      text: `${rig.trigger.output} is wired to the DAQ's line ${rig.trigger.daqLine}`,
    });
  else if (rig.device.kind === "truejoule-daq")
    findings.push({
      check: "rig trigger",
      verdict: "warn",
      text: "no trigger line: the DAQ's clock rests on exchanges over USB alone",
      remedy: "wire an output of this machine to a line of the DAQ (docs/gpio.md)",
    });
  if (rig.stepResponseS === undefined)
    findings.push({
      check: "rig",
      verdict: "warn",
      text: "no step_response: events too short for the sensors are not flagged",
      remedy: "a square load shows it: docs/bench.md, First light",
    });
  return { findings, rig };
}

function railFindings(rail: Rail, { kind, rowHz }: Rig["device"], nowMs: number): Finding[] {
  const sensors = [rail.voltage, rail.current, rail.power].filter((s) => s !== undefined);
  const found: Finding[] = [];
  const warn = (text: string, remedy: string): void =>
    void found.push({ check: `rig ${rail.name}`, verdict: "warn", text, remedy });
  const slow = sensors.filter((s) => s.bandwidthHz !== undefined && rowHz > 2 * s.bandwidthHz);
  for (const s of slow)
    warn(
      `${s.field}: sampled at ${formatQuantity(rowHz, "Hz")}, faster than its ${formatQuantity(s.bandwidthHz!, "Hz")} can use`,
      "a lower row_rate loses nothing",
    );
  const guessed = sensors.filter((s) => s.calibration.basis === "assumed");
  if (guessed.length > 0)
    warn(
      `${fields(guessed)}: calibration is assumed; every comparison will say so`,
      "truejoule calibrate",
    );
  const old = sensors.filter((s) => nowMs - Date.parse(s.calibration.date) > YEAR_MS);
  if (old.length > 0)
    warn(`${fields(old)}: calibrated more than a year ago`, "truejoule calibrate");
  if (kind === "truejoule-daq" && sensors.some((s) => s.field === "adc3"))
    warn(
      "adc3: on a Raspberry Pi Pico this input is wired to VSYS / 3",
      "use adc0 to adc2 there; ignore this on a board that brings GPIO 29 out",
    );
  if (rail.assumedVoltage)
    warn(
      `voltage is taken as ${formatQuantity(rail.assumedVoltage.valueV, "V")}, not measured`,
      "measure it: droop under load is a percent and more",
    );
  return found;
}

const fields = (sensors: readonly Sensor[]): string => sensors.map((s) => s.field).join(", ");
