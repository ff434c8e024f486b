// What the driver says of a GPU once: limits, modes, who else uses it. The other half of nvml.ts.

import type { NvmlBindings, NvmlNative } from "./bindings.ts";
import { NvmlCode, type Queried } from "./codes.ts";
import type { DeviceFacts } from "./library.ts";

const MILLI_PER_UNIT = 1000;
/** NVML_DEVICE_ARCH_… of nvml.h 13.5; 11, 12 and 15 are no GPUs. */
const ARCHITECTURES: Readonly<Record<number, string>> = {
  2: "Kepler",
  3: "Maxwell",
  4: "Pascal",
  5: "Volta",
  6: "Turing",
  7: "Ampere",
  8: "Ada",
  9: "Hopper",
  10: "Blackwell",
  13: "Rubin",
};

export function deviceFacts(native: NvmlNative, device: bigint): DeviceFacts {
  const { c } = native;
  const { address, view } = native.allocate(80);
  const second = address + 8n;
  const query = <T>(code: number, value: () => T): Queried<T> =>
    code === 0 ? { value: value() } : { code };
  const u32 = (): number => view.getUint32(0, true);
  const watts = (code: number, offset = 0): Queried<number> =>
    query(code, () => view.getUint32(offset, true) / MILLI_PER_UNIT);
  const flag = (code: number): Queried<boolean> => query(code, () => u32() === 1);
  return {
    pciBusId: query(c.nvmlDeviceGetPciInfo_v3(device, address), () => cString(view, 36)),
    architecture: query(
      c.nvmlDeviceGetArchitecture(device, address),
      () => ARCHITECTURES[u32()] ?? `architecture ${u32()}`,
    ),
    powerLimitW: watts(c.nvmlDeviceGetPowerManagementLimit(device, address)),
    enforcedPowerLimitW: watts(c.nvmlDeviceGetEnforcedPowerLimit(device, address)),
    defaultPowerLimitW: watts(c.nvmlDeviceGetPowerManagementDefaultLimit(device, address)),
    minPowerLimitW: watts(c.nvmlDeviceGetPowerManagementLimitConstraints(device, address, second)),
    maxPowerLimitW: watts(
      c.nvmlDeviceGetPowerManagementLimitConstraints(device, address, second),
      8,
    ),
    persistence: flag(c.nvmlDeviceGetPersistenceMode(device, address)),
    ecc: flag(c.nvmlDeviceGetEccMode(device, address, second)),
    mig: flag(c.nvmlDeviceGetMigMode(device, address, second)),
    computeProcesses: processes(c, device, address, view),
  };
}

/** Asked with room for none, the call answers "insufficient size" and the count. */
function processes(
  c: NvmlBindings,
  device: bigint,
  address: bigint,
  view: DataView,
): Queried<number> {
  view.setUint32(0, 0, true);
  const code = c.nvmlDeviceGetComputeRunningProcesses_v3(device, address, 0n);
  const known = code === 0 || code === NvmlCode.insufficientSize;
  return known ? { value: view.getUint32(0, true) } : { code };
}

/** NUL-terminated text inside C memory. */
export function cString(view: DataView, offset: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, view.byteLength - offset);
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString();
}
