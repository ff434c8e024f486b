import { describe, expect, test } from "@jest/globals";
import { type MemoryPort, memoryPort } from "../../ingest/ports/memory-port.ts";
import { configNotes, decodeSensor } from "../../ingest/instruments/powersensor3/config.ts";
import { probePowerSensor3 } from "../../ingest/instruments/powersensor3/handshake.ts";
import { SetDecoder } from "../../ingest/instruments/powersensor3/sets.ts";
import { startPowerSensor3 } from "../../ingest/instruments/powersensor3/source.ts";
import { builtInRig } from "../../rigs/load.ts";
import { random } from "../../stats/random.ts";
import { type Instant, instant } from "../../schema/time.ts";
import { Collector } from "./collect.ts";

const SET_BYTES = 18;

function encode(time: number, levels: readonly number[], marked = false): number[] {
  const word = (sensor: number, flag: boolean, level: number): number[] => [
    0x80 | (sensor << 4) | (level >> 6),
    (flag ? 0x40 : 0) | (level & 63),
  ];
  return [
    ...word(7, true, time),
    ...levels.flatMap((level, i) => word(i, marked && i === 0, level)),
  ];
}

interface Told {
  readonly words: number[];
  readonly marked: boolean;
  readonly damaged: boolean;
}

function decode(chunks: readonly Uint8Array[]): { told: Told[]; decoder: SetDecoder } {
  const told: Told[] = [];
  const decoder = new SetDecoder(
    (words, marked, between) => told.push({ words: [...words], marked, damaged: between > 0 }),
    50,
  );
  for (const chunk of chunks) decoder.push(chunk);
  return { told, decoder };
}

const r = random(11, "sets");
const SETS = Array.from({ length: 12 }, (_, k) => ({
  time: (50 * k + 900) % 1024,
  levels: Array.from({ length: 8 }, () => r.integer(1024)),
}));
const STREAM = Uint8Array.from(SETS.flatMap((s, k) => encode(s.time, s.levels, k === 5)));

describe("sets of a PowerSensor3", () => {
  test("split anywhere, every set is the same; the mark stays with its set; the last waits for the next", () => {
    const wanted = SETS.slice(0, -1).map((s, k) => ({
      words: [s.time, ...s.levels],
      marked: k === 5,
      damaged: false,
    }));
    for (let at = 0; at <= STREAM.length; at++) {
      const { told, decoder } = decode([STREAM.subarray(0, at), STREAM.subarray(at)]);
      expect(told).toEqual(wanted);
      expect(decoder.counts).toEqual({ bytesSkipped: 0, setsBroken: 0, repeated: 0 });
    }
  });

  test("bytes lost anywhere, or foreign ones: no set that was not sent, and a gap that says so", () => {
    const sent = new Set(SETS.map((s) => [s.time, ...s.levels].join()));
    const check = (chunks: Uint8Array[], least: number): void => {
      const { told } = decode(chunks);
      expect(told.filter((s) => !sent.has(s.words.join()))).toEqual([]);
      expect(told.length).toBeGreaterThanOrEqual(least);
      expect(told.filter((s) => s.damaged)).toHaveLength(1);
    };
    for (let from = SET_BYTES + 1; from < 3 * SET_BYTES; from++) {
      for (let n = 1; n < 60; n++) check([STREAM.subarray(0, from), STREAM.subarray(from + n)], 4);
      const foreign = Uint8Array.from({ length: 7 }, () => r.integer(256));
      check([STREAM.subarray(0, from), foreign, STREAM.subarray(from)], 7);
    }
  });

  test("any bytes: no throw, whole sets only, nothing kept but a set", () => {
    const { told, decoder } = decode(
      Array.from({ length: 2000 }, () =>
        Uint8Array.from({ length: r.integer(300) }, () => r.integer(256)),
      ),
    );
    expect(decoder.counts.bytesSkipped).toBeGreaterThan(100_000);
    for (const { words } of told) expect(words.every((w) => w >= 0 && w < 1024)).toBe(true);
    decoder.push(STREAM);
    expect(told.slice(-SETS.length + 2).map((s) => s.words[0])).toEqual(
      SETS.slice(1, -1).map((s) => s.time),
    );
  });
});

function record(type: string, pair: string, vref: number, sensitivity: number): Buffer {
  const bytes = Buffer.alloc(41);
  bytes.write(type, 0);
  bytes.write(pair, 16);
  bytes.writeFloatLE(vref, 32);
  bytes.writeFloatLE(sensitivity, 36);
  bytes[40] = 1;
  return bytes;
}

/** What flash holds that nobody has written. */
const ERASED = Buffer.alloc(41, 0xff);

test("a sensor's record: 41 bytes, packed", () => {
  const bytes = record("MLX20", "PCIE 12V", 1.65, -0.0625);
  expect(decodeSensor(bytes)).toEqual({
    type: "MLX20",
    pair: "PCIE 12V",
    vrefV: Math.fround(1.65),
    sensitivity: -0.0625,
    inUse: true,
  });
  expect(decodeSensor(bytes.subarray(1))).toBeNull();
  bytes[40] = 2;
  expect(decodeSensor(bytes)).toBeNull();
  const never = { type: "", pair: "", vrefV: NaN, sensitivity: NaN, inUse: false };
  expect(decodeSensor(ERASED)).toEqual(never);
});

/** A device with two sensors set and six never set; what it was told. */
function scripted(version: readonly string[]): { port: MemoryPort; told: string[] } {
  const port = memoryPort("ps3");
  const told: string[] = [];
  const answer = (bytes: Uint8Array): void => port.feed(bytes, null, null);
  const records = [
    record("MLX20", "slot", 1.65, 0.0625),
    record("voltage", "slot", 0, 0.2),
    ...Array.from({ length: 6 }, () => ERASED),
    Buffer.from("D"),
  ];
  let waiting: Buffer[] = [];
  port.onWrite = (bytes) => {
    const command = Buffer.from(bytes).toString("latin1");
    told.push(command);
    if (waiting.length > 0) answer(waiting.shift()!);
    else if (command === "R") {
      waiting = [...records];
      answer(waiting.shift()!);
    } else if (command === "V")
      for (const [k, piece] of version.entries())
        setTimeout(() => answer(Buffer.from(piece, "latin1")), 10 * k);
  };
  return { port, told };
}

describe("handshake", () => {
  test.each([
    ["F411-1.5.0", ["F411-1.5.0\r\n"]],
    ["F401-1.12.10", ["F401-1.12.10", "\r\n"]],
    ["F407-1.5.0-DEMO", ["F407-1.5.0", "-DE", "MO\r\n"]],
  ])("%s, in as many pieces as the line brings it", async (version, pieces) => {
    const { port, told } = scripted(pieces);
    const device = await probePowerSensor3(port.open);
    expect(device.version).toBe(version);
    expect(told.join("")).toBe("TVR" + "n".repeat(8));
    expect(device.sensors.map((s) => s.inUse)).toEqual([
      true,
      true,
      ...new Array<boolean>(6).fill(false),
    ]);
  });

  test("sensors that were never set are no stranger's: the run says so where the rig reads them", async () => {
    const { sensors } = await probePowerSensor3(scripted(["F411-1.5.0\r\n"]).port.open);
    const { rig } = await builtInRig("example-powersensor3");
    const said = configNotes(sensors, rig).map((n) => n.text);
    expect(said).toEqual([
      "sensor2 (no name, no type) is not in use on the device, the rig reads it",
      "sensor3 (no name, no type) is not in use on the device, the rig reads it",
    ]);
    const used = sensors.map((s) => ({ ...s, inUse: true }));
    expect(configNotes(used, rig)[0]!.text).toMatch(/sensor2 .* has no sensitivity/);
  });
});

/** Sets of a board with its own period, as a stream of a second and more. */
function secondsOf(periodUs: number, sets: number): Buffer {
  const times = Array.from({ length: sets }, (_, k) => Math.floor(k * periodUs) & 1023);
  return Buffer.from(times.flatMap((time) => encode(time, new Array<number>(8).fill(512))));
}

describe("a PowerSensor3 in a rig", () => {
  const start = async () => {
    const { port } = scripted(["F411-1.5.0\r\n"]);
    const { rig } = await builtInRig("example-powersensor3");
    const sink = new Collector();
    return { port, rig, sink, source: await startPowerSensor3(port.open, rig, sink) };
  };

  // F411 at 96 MHz, F401 at 84 MHz, F407: ADC clock and cycles of device_specific/*.hpp.
  test.each([
    ["F411", 50, null],
    ["F401", 57.14, /20000 rows\/s, the device counts 1750\d/],
    ["F407", 29.33, /20000 rows\/s, the device counts 3409\d/],
  ])(
    "an %s's sets, %d µs apart: all there, and told where the rig says otherwise",
    async (_, us, said) => {
      const { port, sink, source } = await start();
      const sets = 21_000;
      port.feed(secondsOf(us, sets), null, null);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await source.stop();
      expect(source.counts()).toMatchObject({ rows: sets - 1, rowsLost: 0, setsBroken: 0 });
      const texts = sink.notes.map((n) => n.text).join("\n");
      if (said) expect(texts).toMatch(said);
      else expect(texts).not.toMatch(/the device counts/);
    },
  );

  test("the set that comes back with the mark may have been sampled before it was sent, by a period", async () => {
    const { port, sink, source } = await start();
    let asked: (sent: Instant<"host">) => void = () => undefined;
    const mark = new Promise<Instant<"host">>((resolve) => (asked = resolve));
    port.onWrite = (bytes) => {
      if (bytes[0] === 0x4d) asked(instant<"host">(process.hrtime.bigint()));
    };
    const feed = (time: number, marked: boolean): void => {
      const now = instant<"host">(process.hrtime.bigint());
      port.feed(Buffer.from(encode(time, new Array<number>(8).fill(1), marked)), now, now);
    };
    feed(100, false);
    await mark;
    for (const [time, marked] of [
      [150, true],
      [200, false],
      [250, false],
    ] as const)
      feed(time, marked);
    await source.stop();
    expect(sink.exchanges).toHaveLength(1);
    const { deviceReceived, deviceSent } = sink.exchanges[0]!;
    expect([deviceReceived, deviceSent]).toEqual([200n, 150n]);
    expect(sink.edges.map((e) => e.tick)).toEqual([150n]);
  });
});
