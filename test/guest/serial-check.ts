// ingest/ over a real kernel's USB stack, in the guest that boot.sh starts: the virtual DAQ speaks on a
// CDC ACM gadget (/dev/ttyGS0), the reader listens on the cdc_acm driver's end (/dev/ttyACM0). Prints one
// JSON line a check and ends with 0 when all held. Emulated: rates here mean nothing.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startDaq } from "../../ingest/instruments/truejoule-daq/daq-source.ts";
import { probe } from "../../ingest/instruments/truejoule-daq/handshake.ts";
import { listPorts } from "../../ingest/ports/port-list.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import { spawnVirtualDaq } from "../../virtual/daq/spawn.ts";
import type { SampleBlock } from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { Collector } from "../ingest/collect.ts";

const PORT = "/dev/ttyACM0";
const UDC = "/sys/kernel/config/usb_gadget/daq/UDC";
/** What an emulated processor makes up and takes in without falling behind. */
const ROW_HZ = 5000;
const SEED = 7;
const SECONDS = 120;

let failed = 0;
function report(check: string, ok: boolean, figures: object = {}): void {
  if (!ok) failed++;
  console.log(JSON.stringify({ check, ok, ...figures }));
}

async function until(seconds: number, holds: () => boolean): Promise<boolean> {
  for (let look = 0; look < seconds * 20 && !holds(); look++) await sleep(50);
  return holds();
}

/** As rigs/virtual.yaml, without the parsers that read it: they take an emulated processor half a minute. */
const sensor = (field: string, perCount: number): Sensor => ({
  field,
  perCount,
  zeroCount: 100,
  gainU: 2e-3,
  offsetU: 10e-3,
  calibration: { date: "2026-11-21", basis: "assumed" },
});
const rig: Rig = {
  name: "guest",
  description: "two rails of the virtual card",
  device: {
    kind: "virtual",
    stream: "main",
    sampling: "instant",
    rowHz: ROW_HZ,
    clock: { hz: ROW_HZ, uRel: 50e-6, startU: 20e-3 },
  },
  rails: ["slot_12v", "hpwr_12v"].map((name, k) => ({
    name,
    voltage: sensor(`v${k}`, 4e-3),
    current: sensor(`i${k}`, 15e-3),
  })),
  missingRails: [],
};
const args = ["--tty", "/dev/ttyGS0"];
const powerUp = () =>
  spawnVirtualDaq(rig, [...args, "--seed", String(SEED), "--seconds", String(SECONDS)]);

/** Rows whose counts are not the bench's. */
function wrongRows(blocks: readonly SampleBlock[]): number {
  const bench = new VirtualBench(rig, { seed: SEED, durationS: SECONDS });
  let wrong = 0;
  for (const { bytes, rows, deviceTick } of blocks) {
    const truth = new Uint16Array(4 * rows);
    bench.fillRows(Math.round((Number(deviceTick) * ROW_HZ) / 1e6), rows, truth);
    for (let row = 0; row < rows; row++) {
      // Four channels of 12 bits, two of them in three bytes.
      const ok = [0, 1, 2, 3].every((c) => {
        const at = 6 * row + ((3 * c) >> 1);
        const pair = bytes[at]! | (bytes[at + 1]! << 8);
        return (c % 2 === 0 ? pair & 0xfff : pair >> 4) === (truth[4 * row + c]! & 0xfff);
      });
      if (!ok) wrong++;
    }
  }
  return wrong;
}

const found = (await listPorts()).find((p) => p.path === PORT);
report("port listed with what USB says of it", found?.serialNumber === "SIM0001", found);

let daq = await powerUp();
const greeting = await probe(ttyPort(PORT));
report("a DAQ answers through the driver", greeting.identity.model === "truejoule virtual", {
  ...greeting.identity,
});

// A start whose answer is late on a slow emulator is sent again, and the device starts again: rows are then
// placed by the host's clock and no longer say which of the device's they are. Such a stream is not judged.
let sink = new Collector();
const stream = () => startDaq({ open: ttyPort(PORT), stream: "main", rowHz: ROW_HZ }, sink);
let source = await stream();
let [attempts, enough] = [0, false];
for (;;) {
  enough = await until(60, () => source.counts().rows > 2 * ROW_HZ && sink.exchanges.length > 2);
  if (++attempts === 5 || source.counts().restarts === 0) break;
  await source.stop();
  sink = new Collector();
  source = await stream();
}
report("rows and clock exchanges arrive", enough, { attempts, exchanges: sink.exchanges.length });
const refused = await probe(ttyPort(PORT)).then(
  () => "",
  (e: Error) => e.message,
);
report("a port in use is refused", /in use/.test(refused), { message: refused });

const before = source.counts();
const blocks = [...sink.of("main")];
report(
  "rows arrive whole and are the device's, count for count",
  before.badFrames === 0 && wrongRows(blocks) === 0,
  { ...before, timing: source.timing },
);
report("nothing is lost that the device did not drop", before.framesLost === before.deviceDropped);

// Unplugged and plugged in again: the driver hangs up, the device powers up again.
const controller = readFileSync(UDC, "utf8").trim();
writeFileSync(UDC, "\n");
const account = await daq.stop();
report("the device's account", account.rowsMade >= before.rows, { rowsMade: account.rowsMade });
report("the port is gone", await until(30, () => !existsSync(PORT)));
const { rows } = source.counts();
await sleep(1000); // a hand is no faster; a port still held open would come back under another name
writeFileSync(UDC, controller);
report("the port is back", await until(30, () => existsSync(PORT)), { ports: await listPorts() });
daq = await powerUp();
const back = await until(60, () => source.counts().rows > rows + ROW_HZ / 2);
const after = source.counts();
report("unplugged: the source comes back and counts what is missing", back && after.rowsLost > 0, {
  reconnects: after.reconnects,
  rowsLost: after.rowsLost,
});
await source.stop();
await daq.stop();
process.exit(failed === 0 ? 0 : 1);
