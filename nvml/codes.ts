// NVML's return codes and their names, from nvml.h 13.5. A code is data here, not an exception.

export const NvmlCode = {
  success: 0,
  uninitialized: 1,
  invalidArgument: 2,
  notSupported: 3,
  noPermission: 4,
  notFound: 6,
  insufficientSize: 7,
  functionNotFound: 13,
  gpuIsLost: 15,
  argumentVersionMismatch: 25,
  deprecated: 26,
  unknown: 999,
} as const;

const NAMES: Readonly<Record<number, string>> = {
  1: "uninitialized",
  2: "invalid argument",
  3: "not supported",
  4: "no permission",
  5: "already initialized",
  6: "not found",
  7: "insufficient size",
  8: "insufficient power",
  9: "driver not loaded",
  10: "timeout",
  11: "interrupt request issue",
  12: "library not found",
  13: "function not found",
  14: "corrupted inforom",
  15: "GPU is lost",
  16: "reset required",
  17: "operating system call failed",
  18: "library and driver version mismatch",
  19: "in use",
  20: "insufficient memory",
  21: "no data",
  22: "vGPU ECC not supported",
  23: "insufficient resources",
  24: "frequency not supported",
  25: "argument version mismatch",
  26: "deprecated",
  27: "not ready",
  28: "GPU not found",
  29: "invalid state",
  30: "reset type not supported",
  999: "unknown error",
};

export function nvmlCodeName(code: number): string {
  return NAMES[code] ?? `code ${code}`;
}

/** Refusals that stay for the life of the process: worth leaving a channel out for. */
const PERMANENT: ReadonlySet<number> = new Set([
  NvmlCode.invalidArgument,
  NvmlCode.notSupported,
  NvmlCode.noPermission,
  NvmlCode.functionNotFound,
  NvmlCode.argumentVersionMismatch,
  NvmlCode.deprecated,
]);

export function isPermanent(code: number): boolean {
  return PERMANENT.has(code);
}

/** A figure, or the code that stood in its way; never 0 for a failure. */
export type Queried<T> = { readonly value: T } | { readonly code: number };
