// Is there a PowerSensor3, and how is it set up? `T` ends a stream that somebody left running, `V` asks for
// the version line, which a demonstration build writes in two pieces, `R` for the configuration; the device
// resets itself when it waits 2 s for an answer.

import { SourceError } from "../../../schema/errors.ts";
import { Dialogue } from "../../ports/dialogue.ts";
import { type OpenPort, WHO_ANSWERS } from "../../ports/port.ts";
import { decodeSensor, RECORD_BYTES, type SensorConfig, SENSORS } from "./config.ts";

export interface PowerSensor3 {
  /** Such as `F411-1.6.1`: board and firmware. */
  readonly version: string;
  readonly sensors: readonly SensorConfig[];
}

/** A USB frame is a millisecond; a busy host takes longer. */
const ANSWER_MS = 600;
const QUIET_MS = 60;

/** Opens the port and asks. The dialogue stays open for whoever streams. @throws SourceError, port closed. */
export const greetPowerSensor3 = (
  open: OpenPort,
): Promise<{ device: PowerSensor3; dialogue: Dialogue }> => Dialogue.greet(open, ask);

async function ask(dialogue: Dialogue): Promise<PowerSensor3> {
  const stranger = (what: string): SourceError =>
    new SourceError(`${dialogue.port.name}: no PowerSensor3 answers (${what}); ${WHO_ANSWERS}`);
  dialogue.tell("T");
  if (!(await dialogue.hush(QUIET_MS))) throw stranger("the line never falls silent");
  const line = (await dialogue.askUntil("V", /\n/, ANSWER_MS)).trim();
  const version = /^(F4\d\d-\d+\.\d+\.\d+(-DEMO)?)$/.exec(line)?.[1];
  if (version === undefined)
    throw stranger(line === "" ? "silence" : `${JSON.stringify(line.slice(0, 40))} for a version`);
  const sensors: SensorConfig[] = [];
  for (let i = 0; i < SENSORS; i++) {
    // Any character asks for the next record.
    const sensor = decodeSensor(await dialogue.ask(i === 0 ? "R" : "n", RECORD_BYTES, ANSWER_MS));
    if (!sensor) throw stranger(`no configuration of sensor ${i}`);
    sensors.push(sensor);
  }
  if ((await dialogue.ask("n", 1, ANSWER_MS)).toString("latin1") !== "D")
    throw stranger("no end of the configuration");
  return { version, sensors };
}

export async function probePowerSensor3(open: OpenPort): Promise<PowerSensor3> {
  const { device, dialogue } = await greetPowerSensor3(open);
  await dialogue.close();
  return device;
}
