// npm run test:hardware -- TTY: the tests that need a board (firmware/README.md, Hardware in the loop).
import { spawnSync } from "node:child_process";

const port = process.argv[2] ?? process.env.TRUEJOULE_HARDWARE;
if (!port || port.startsWith("-")) {
  console.error("usage: npm run test:hardware -- /dev/ttyACM0 (truejoule devices lists the DAQs)");
  process.exit(2);
}
await import("./ts-register.mjs");
const { probe } = await import("../ingest/instruments/truejoule-daq/handshake.ts");
const { ttyPort } = await import("../ingest/ports/tty-port.ts");
try {
  await probe(ttyPort(port)); // said once, and not by each test
} catch (error) {
  console.error(`test:hardware: ${error.message}`);
  process.exit(1);
}
const jest = ["--experimental-vm-modules", "--no-warnings", "node_modules/jest/bin/jest.js"];
const { status } = spawnSync(process.execPath, [...jest, "test/hardware"], {
  stdio: "inherit",
  env: { ...process.env, TRUEJOULE_HARDWARE: port },
});
process.exit(status ?? 1);
