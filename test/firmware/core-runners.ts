// Three builds of one core behind one call: requests in, answers out (firmware/core-host/calls.c).

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { RP2040 } from "rp2040js";
import { buildCortexM0, buildNative, buildWasm } from "../../firmware/core-builds.ts";
import { hasTool } from "../../firmware/toolchain.ts";

/** Answers in the order of the requests; one core, so state lasts from one to the next. */
export type Core = (requests: readonly Uint8Array[]) => Promise<Uint8Array[]>;

export interface CoreBuild {
  readonly name: string;
  readonly missing: string | null;
  readonly build: (folder: string) => Core;
}

const lacks = (...tools: Parameters<typeof hasTool>[0][]): string | null =>
  tools.find((t) => !hasTool(t)) ?? null;

export const CORE_BUILDS: readonly CoreBuild[] = [
  {
    name: "native, ASan and UBSan",
    missing: lacks("gcc"),
    build: (folder) => native(buildNative(folder)),
  },
  {
    name: "WebAssembly",
    missing: lacks("clang", "wasm-ld"),
    build: (folder) => wasm(buildWasm(folder)),
  },
  {
    name: "Cortex-M0+",
    missing: lacks("arm-none-eabi-gcc", "arm-none-eabi-objcopy"),
    build: (folder) => cortex(buildCortexM0(folder)),
  },
];

function native(program: string): Core {
  return async (requests) => {
    const input = Buffer.concat(requests.flatMap((r) => [length(r.length), r]));
    const run = spawnSync(program, { input, maxBuffer: 1 << 26 });
    if (run.status !== 0)
      throw new Error(`the core ended with ${run.status}: ${run.stderr.toString()}`);
    return split(run.stdout);
  };
}

function length(n: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(n).buffer);
}

function split(bytes: Buffer): Uint8Array[] {
  const answers: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const n = bytes.readUInt32LE(at);
    answers.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + n)));
    at += 4 + n;
  }
  return answers;
}

// What of the global the types of Node 20 do not have.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { instantiate(bytes: Uint8Array): Promise<{ instance: { exports: unknown } }> };
};

interface WasmCore {
  readonly memory: { readonly buffer: ArrayBuffer };
  tj_request(): number;
  tj_answer(): number;
  tj_run(n: number): number;
}

function wasm(path: string): Core {
  const module = WebAssembly.instantiate(new Uint8Array(readFileSync(path)));
  return async (requests) => {
    const core = (await module).instance.exports as WasmCore;
    return requests.map((r) => {
      new Uint8Array(core.memory.buffer).set(r, core.tj_request());
      const n = core.tj_run(r.length);
      return new Uint8Array(core.memory.buffer).slice(core.tj_answer(), core.tj_answer() + n);
    });
  };
}

const RAM = 0x20000000;
const STACK_TOP = 0x20042000;
/** No instruction is there: the function returned. */
const RETURN_TO = 0x1000;
const MOST_INSTRUCTIONS = 50e6;

/** The image of core-host/m0.c in an emulated processor, its function called as a debugger would. */
function cortex(path: string): Core {
  const mcu = new RP2040();
  const { core, sram, sramView } = mcu;
  sram.set(readFileSync(path));
  const [entry, request, answer] = [0, 4, 8].map((at) => sramView.getUint32(at, true));
  const call = (r: Uint8Array): Uint8Array => {
    sram.set(r, request! - RAM);
    core.registers.set([request!, r.length, answer!]);
    core.SP = STACK_TOP;
    core.LR = RETURN_TO | 1;
    core.PC = entry! & ~1;
    for (let n = 0; core.PC !== RETURN_TO; n++) {
      if (n > MOST_INSTRUCTIONS) throw new Error("the core does not return");
      core.executeInstruction();
    }
    return sram.slice(answer! - RAM, answer! - RAM + core.registers[0]!);
  };
  return async (requests) => requests.map(call);
}
