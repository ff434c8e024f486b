// The RP2040 image: sources → ELF → flash bytes with the boot stage's CRC → UF2 for the board's USB disk.
//     node --import ./scripts/ts-register.mjs firmware/image.ts [OUT_FOLDER=dist/image] [--single-in]

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { UsageError } from "../schema/errors.ts";
import { CORTEX_M0_PLUS, coreSources, FREESTANDING, STRICT } from "./core-builds.ts";
import { script } from "./script.ts";
import { runTool } from "./toolchain.ts";

const here = fileURLToPath(new URL(".", import.meta.url)).replace(/dist\/firmware\/$/, "firmware/");
const shell = join(here, "rp2040");
const FLASH = 0x10000000;

export interface ImageOptions {
  /** One USB IN buffer instead of two: to compare (firmware/README.md). */
  readonly singleIn?: boolean;
}

export interface Image {
  readonly elf: string;
  /** Flash contents from its start. */
  readonly bin: string;
  readonly uf2: string;
  readonly bytes: Uint8Array;
}

/** Compiles and links the firmware. @throws InputError without the ARM compiler. */
export function buildImage(out: string, options: ImageOptions = {}): Image {
  mkdirSync(out, { recursive: true });
  const name = options.singleIn ? "truejoule-rp2040-single-in" : "truejoule-rp2040";
  const path = (ending: string): string => join(out, `${name}.${ending}`);
  const sources = readdirSync(shell).filter((f) => /\.[cS]$/.test(f));
  const define = [`-DTJ_VERSION="${version()}"`, `-DUSB_IN_BUFFERS=${options.singleIn ? 1 : 2}`];
  runTool("arm-none-eabi-gcc", [
    ...[...STRICT, ...CORTEX_M0_PLUS, ...FREESTANDING, ...define],
    ...["-O2", "-g", "-fno-common", "-ffunction-sections", "-fdata-sections"],
    `-I${join(here, "core")}`,
    ...["-nostdlib", "-Wl,--gc-sections", "-T", join(shell, "link.ld")],
    ...sources.map((f) => join(shell, f)),
    ...coreSources(true),
    ...["-lgcc", "-o", path("elf")],
  ]);
  runTool("arm-none-eabi-objcopy", ["-O", "binary", path("elf"), path("bin")]);
  const bytes = withBootCrc(new Uint8Array(readFileSync(path("bin"))));
  writeFileSync(path("bin"), bytes);
  writeFileSync(path("uf2"), uf2(bytes, FLASH));
  return { elf: path("elf"), bin: path("bin"), uf2: path("uf2"), bytes };
}

function version(): string {
  const text = readFileSync(join(here, "../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const BOOT_BYTES = 252;

/** CRC-32 without reflection, MSB first, begun with ones: what the boot ROM computes (2.8.1.3.1). */
export function bootCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let k = 0; k < 8; k++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** The first 252 bytes are the boot stage; its CRC stands in the four after them. */
export function withBootCrc(image: Uint8Array): Uint8Array {
  const out = image.slice();
  const crc = bootCrc(out.subarray(0, BOOT_BYTES));
  new DataView(out.buffer).setUint32(BOOT_BYTES, crc, true);
  return out;
}

/** Microsoft's UF2: blocks of 512 bytes that carry 256 each, family RP2040. */
export function uf2(image: Uint8Array, address: number): Uint8Array {
  const blocks = Math.ceil(image.length / 256);
  const out = new Uint8Array(512 * blocks);
  for (let i = 0; i < blocks; i++) {
    const v = new DataView(out.buffer, 512 * i, 512);
    const head = [0x0a324655, 0x9e5d5157, 0x2000, address + 256 * i, 256, i, blocks, 0xe48bff56];
    head.forEach((word, k) => v.setUint32(4 * k, word, true));
    out.set(image.subarray(256 * i, 256 * i + 256), 512 * i + 32);
    v.setUint32(508, 0x0ab16f30, true);
  }
  return out;
}

const USAGE = "usage: npm run firmware -- [OUT_FOLDER=dist/image] [--single-in]";
const OPTIONS = { "single-in": { type: "boolean", default: false } } as const;

await script(import.meta.url, USAGE, (args) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
  });
  if (positionals.length > 1)
    throw new UsageError(`expected one folder, found also ${positionals[1]}`);
  const image = buildImage(positionals[0] ?? "dist/image", { singleIn: values["single-in"] });
  console.log(`${image.uf2}: ${image.bytes.length} bytes of program`);
  return Promise.resolve(0);
});
