// A virtual PowerSensor3, written from the maker's firmware (nlesc-recruit/PowerSensor3,
// device/PowerSensor/PowerSensor.ino): answers R, V, M, S, T, X; streams a set of 18 bytes for each row.

import type { Rig, Sensor } from "../../schema/rig.ts";
import type { Instrument } from "./instrument.ts";
import { type Paced, pacedInstrument, type PacedRows, type Protocol } from "./paced.ts";
import { valueAt } from "../../stats/places.ts";

const VERSION = "F411-1.6.1";
const SENSORS = 8;
const RECORD_BYTES = 41;
const SET_BYTES = 2 * (1 + SENSORS);
const LEVEL_V = 3.3 / 1023;
const LEVEL_MASK = 0x3ff;
const TIME_WORD = 7;

export const powerSensor3Instrument = (paced: Paced): Instrument =>
  pacedInstrument(paced, (rows) => powerSensor3(rows, paced));

function powerSensor3(rows: PacedRows, { rig, send }: Paced): Protocol {
  const set = new Uint8Array(SET_BYTES);
  const config = configOf(rig);
  const account = { marksTaken: 0, marksSent: 0 };
  let marks = 0;
  /** Record of the configuration that is waited for; null outside `R`. */
  let record: number | null = null;

  const word = (at: number, sensor: number, marked: boolean, level: number): void => {
    set[at] = 0x80 | (sensor << 4) | (level >> 6);
    set[at + 1] = (marked ? 0x40 : 0) | (level & 63);
  };
  const command = (byte: string, nowNs: number): void => {
    if (record !== null) {
      const next = config[++record];
      send(next ?? Buffer.from("D"));
      if (!next) record = null;
      return;
    }
    switch (byte) {
      case "R":
        record = 0;
        send(valueAt(config, 0));
        return;
      case "V":
        send(Buffer.from(`${VERSION}\r\n`));
        return;
      case "M":
        marks++;
        account.marksTaken++;
        return;
      case "S":
        return rows.start(nowNs);
      case "T":
        return rows.stop();
      case "X":
        rows.stop();
        send(Uint8Array.of(0xff, 0x3f, 0xff, 0x3f));
    }
  };
  return {
    take(bytes, nowNs) {
      for (const byte of bytes) command(String.fromCharCode(byte), nowNs);
    },
    frame() {
      word(0, TIME_WORD, true, rows.ticks() & LEVEL_MASK);
      // Bit 15 of the first word is the bench's trigger line, which this device has not.
      for (let i = 0; i < SENSORS; i++)
        word(2 * (i + 1), i, marks > 0 && i === 0, rows.word(`sensor${i}`) & LEVEL_MASK);
      return set;
    },
    sent(was) {
      if (marks === 0) return;
      marks--;
      if (was) account.marksSent++;
    },
    reset() {
      record = null;
      marks = 0;
    },
    account: () => account,
  };
}

/** What the device was told of its sensors: the rig's own figures. */
function configOf(rig: Rig): Buffer[] {
  const stated = rig.rails.flatMap((rail) =>
    [rail.voltage, rail.current].map((sensor): [string, Sensor | undefined] => [rail.name, sensor]),
  );
  return Array.from({ length: SENSORS }, (_, i) => {
    const [name = "", sensor] = stated.find(([, s]) => s?.field === `sensor${i}`) ?? [];
    const bytes = Buffer.alloc(RECORD_BYTES);
    bytes.write(sensor ? (i % 2 === 0 ? "MLX20" : "divider") : "none", 0, "latin1");
    bytes.write(name.slice(0, 15), 16, "latin1");
    bytes.writeFloatLE(sensor ? sensor.zeroCount * LEVEL_V : 1.65, 32);
    bytes.writeFloatLE(sensor ? LEVEL_V / sensor.perCount : 1, 36);
    bytes[40] = sensor ? 1 : 0;
    return bytes;
  });
}
