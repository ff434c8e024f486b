// marks/cuda, a driver and CUPTI to run it on (fake.c), and a program that launches, compiled together: with CUDA's
// headers where CUDA_HOME has them, else with the stand-ins beside this file. Any gcc will do.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEADER_FOLDER } from "../programs.ts";

const here = import.meta.dirname;
const source = join(here, "../../../marks/cuda");
const strict = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-D_GNU_SOURCE"];

const home = process.env["CUDA_HOME"] ?? "/usr/local/cuda";
const real = [home, `${home}/extras/CUPTI`].map((h) => join(h, "include"));
export const hasCuda = real.some((folder) => existsSync(join(folder, "cupti.h")));
export const whose = hasCuda ? "CUDA's headers" : "stand-in headers";
const include = hasCuda ? real : [join(here, "stand-in")];

/** The newest of a record's numbered types, as marks/cuda/Makefile takes it. */
function newest(kind: string): string {
  const files = ["cupti_activity.h", "cupti.h"].flatMap((f) => include.map((i) => join(i, f)));
  const text = files.filter((f) => existsSync(f)).map((f) => readFileSync(f, "utf8"));
  const numbers = [...text.join("").matchAll(RegExp(`CUpti_Activity${kind}(\\d+);`, "g"))];
  return `CUpti_Activity${kind}${Math.max(...numbers.map((m) => Number(m[1])))}`;
}

export interface FakeCuda {
  readonly library: string;
  readonly program: string;
  remove(): void;
}

/** @param flags for all of it, such as a sanitizer's. @throws with the compiler's complaint. */
export function buildFakeCuda(...flags: string[]): FakeCuda {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-cuda-"));
  const library = join(dir, "libtruejoule-cuda.so");
  const driver = join(dir, "libcuda.so.1");
  const program = join(dir, "program");
  const headers = include.flatMap((i) => ["-isystem", i]);
  const records = ["Kernel", "Marker"].map((k) => `-DTJ_CUPTI_${k.toUpperCase()}=${newest(k)}`);
  const found = `-Wl,-rpath,${dir}`;
  const gcc = (...args: string[]): void =>
    void execFileSync("gcc", [...strict, ...flags, ...headers, ...records, ...args], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  const shared = ["-fPIC", "-shared"];
  gcc(...shared, "-Wl,-soname,libcuda.so.1", join(here, "fake.c"), "-o", driver);
  symlinkSync("libcuda.so.1", join(dir, "libcupti.so.13"));
  const files = ["injection.c", "ping.c", "names.c", "gate.c"].map((f) => join(source, f));
  gcc(...shared, "-I", HEADER_FOLDER, ...files, driver, "-o", library, found, "-ldl");
  gcc(join(here, "program.c"), driver, "-o", program, found);
  return { library, program, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
