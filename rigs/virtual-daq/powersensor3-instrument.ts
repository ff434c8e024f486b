// A virtual PowerSensor3, written from the maker's firmware (nlesc-recruit/PowerSensor3,
// device/PowerSensor/PowerSensor.ino): answers R, V, M, S, T, X; streams a set of 18 bytes for each row.

import type { Rig, Sensor } from "../../schema/rig.ts";
import { type BenchOptions, VirtualBench } from "../virtual/bench.ts";
import type { Instrument, Send } from "./instrument.ts";

const VERSION = "F411-1.6.1";
const SENSORS = 8;
const RECORD_BYTES = 41;
const SET_BYTES = 2 * (1 + SENSORS);
const LEVEL_V = 3.3 / 1023;
const LEVEL_MASK = 0x3ff;
const TIME_WORD = 7;

/** @param rig its rows timed by the bench's clock; `tickHz` what its counter counts. */
export function powerSensor3Instrument(
  rig: Rig,
  options: BenchOptions,
  tickHz: number,
  send: Send,
): Instrument {
  const bench = new VirtualBench(rig, options);
  const words = Array.from({ length: SENSORS }, (_, i) =>
    bench.layout.fields.findIndex((f) => f.name === `sensor${i}`),
  );
  const row = new Uint16Array(bench.layout.rowBytes >> 1);
  const set = new Uint8Array(SET_BYTES);
  const config = configOf(rig);
  const account = { setsMade: 0, setsDropped: 0, marksTaken: 0, marksSent: 0 };
  let streaming = false;
  let next = 0;
  let marks = 0;
  /** Record of the configuration that is waited for; null outside `R`. */
  let record: number | null = null;
  let poweredRow = 0;

  const word = (at: number, sensor: number, marked: boolean, level: number): void => {
    set[at] = 0x80 | (sensor << 4) | (level >> 6);
    set[at + 1] = (marked ? 0x40 : 0) | (level & 63);
  };
  const block = (): void => {
    bench.fillRows(next, 1, row);
    const micros = Math.floor(((next - poweredRow) * tickHz) / rig.device.rowHz);
    const marked = marks > 0;
    word(0, TIME_WORD, true, micros & LEVEL_MASK);
    // Bit 15 of the first word is the bench's trigger line, which this device has not.
    words.forEach((w, i) =>
      word(2 * (i + 1), i, marked && i === 0, w < 0 ? 0 : row[w]! & LEVEL_MASK),
    );
    const sent = send(set);
    account[sent ? "setsMade" : "setsDropped"]++;
    next++;
    if (!marked) return;
    marks--;
    if (sent) account.marksSent++;
  };
  const command = (byte: string, nowNs: number): void => {
    if (record !== null) {
      record++;
      if (record < SENSORS) send(config[record]!);
      else {
        send(Buffer.from("D"));
        record = null;
      }
      return;
    }
    switch (byte) {
      case "R":
        record = 0;
        send(config[0]!);
        return;
      case "V":
        send(Buffer.from(`${VERSION}\r\n`));
        return;
      case "M":
        marks++;
        account.marksTaken++;
        return;
      case "S":
        if (!streaming) next = bench.clock.rowAt(nowNs);
        streaming = true;
        return;
      case "T":
        streaming = false;
        return;
      case "X":
        streaming = false;
        send(Uint8Array.of(0xff, 0x3f, 0xff, 0x3f));
    }
  };
  return {
    get running() {
      return streaming;
    },
    baud: null,
    take(bytes, nowNs) {
      for (const byte of bytes) command(String.fromCharCode(byte), nowNs);
    },
    advance(nowNs) {
      if (!streaming) return;
      for (const due = bench.clock.rowAt(nowNs); next < due;) block();
    },
    block,
    reset(nowNs) {
      streaming = false;
      record = null;
      marks = 0;
      poweredRow = bench.clock.rowAt(nowNs);
    },
    account: () => account,
    close: () => undefined,
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
