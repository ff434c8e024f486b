// libnvidia-ml.so.1 through koffi: one entry per C function, C's names and return codes, no logic.
// nvml.h renames calls by macro, so a dynamic loader asks for the suffixed symbols. Handles and
// out-pointers are addresses (bigint): the caller allocates once and reads through a DataView, which
// costs 60 ns a call against 300 for koffi's own out-parameters.

import { SourceError } from "../schema/errors.ts";
import { NvmlCode } from "./codes.ts";

type Address = bigint;

/** Every entry returns an nvmlReturn_t. `out…` are addresses of preallocated memory. */
export interface NvmlBindings {
  nvmlInit_v2(): number;
  nvmlShutdown(): number;
  nvmlSystemGetDriverVersion(outText: Address, length: number): number;
  nvmlSystemGetNVMLVersion(outText: Address, length: number): number;
  nvmlDeviceGetCount_v2(outCount: Address): number;
  nvmlDeviceGetHandleByIndex_v2(index: number, outHandle: Address): number;
  nvmlDeviceGetUUID(device: Address, outText: Address, length: number): number;
  nvmlDeviceGetName(device: Address, outText: Address, length: number): number;
  nvmlDeviceGetPciInfo_v3(device: Address, outPciInfo: Address): number;
  nvmlDeviceGetArchitecture(device: Address, outArchitecture: Address): number;
  nvmlDeviceGetPowerUsage(device: Address, outMilliwatt: Address): number;
  nvmlDeviceGetTotalEnergyConsumption(device: Address, outMillijoule: Address): number;
  nvmlDeviceGetFieldValues(device: Address, count: number, fieldValues: Address): number;
  nvmlDeviceGetSamples(
    device: Address,
    type: number,
    lastSeenTimeStamp: bigint,
    outValueType: Address,
    inOutCount: Address,
    outSamples: Address,
  ): number;
  nvmlDeviceGetTemperature(device: Address, sensor: number, outCelsius: Address): number;
  nvmlDeviceGetTemperatureV(device: Address, inOutTemperature: Address): number;
  nvmlDeviceGetClockInfo(device: Address, type: number, outMegahertz: Address): number;
  nvmlDeviceGetUtilizationRates(device: Address, outUtilization: Address): number;
  nvmlDeviceGetMemoryInfo(device: Address, outMemory: Address): number;
  nvmlDeviceGetMemoryInfo_v2(device: Address, inOutMemory: Address): number;
  nvmlDeviceGetPerformanceState(device: Address, outState: Address): number;
  nvmlDeviceGetCurrentClocksEventReasons(device: Address, outReasons: Address): number;
  nvmlDeviceGetCurrentClocksThrottleReasons(device: Address, outReasons: Address): number;
  nvmlDeviceGetPowerManagementLimit(device: Address, outMilliwatt: Address): number;
  nvmlDeviceGetPowerManagementDefaultLimit(device: Address, outMilliwatt: Address): number;
  nvmlDeviceGetPowerManagementLimitConstraints(
    device: Address,
    outMinMilliwatt: Address,
    outMaxMilliwatt: Address,
  ): number;
  nvmlDeviceGetEnforcedPowerLimit(device: Address, outMilliwatt: Address): number;
  nvmlDeviceGetPersistenceMode(device: Address, outMode: Address): number;
  nvmlDeviceGetEccMode(device: Address, outCurrent: Address, outPending: Address): number;
  nvmlDeviceGetMigMode(device: Address, outCurrent: Address, outPending: Address): number;
  nvmlDeviceGetComputeRunningProcesses_v3(
    device: Address,
    inOutCount: Address,
    outInfos: Address,
  ): number;
}

/** Memory that C can write and JavaScript can read, for the life of the process. */
export interface Memory {
  readonly address: Address;
  readonly view: DataView;
}

export interface NvmlNative {
  readonly c: NvmlBindings;
  allocate(bytes: number): Memory;
}

/** Arguments in order: p pointer, u unsigned int, i int or enum, l unsigned long long. */
const SIGNATURES: Readonly<Record<keyof NvmlBindings, string>> = {
  nvmlInit_v2: "",
  nvmlShutdown: "",
  nvmlSystemGetDriverVersion: "pu",
  nvmlSystemGetNVMLVersion: "pu",
  nvmlDeviceGetCount_v2: "p",
  nvmlDeviceGetHandleByIndex_v2: "up",
  nvmlDeviceGetUUID: "ppu",
  nvmlDeviceGetName: "ppu",
  nvmlDeviceGetPciInfo_v3: "pp",
  nvmlDeviceGetArchitecture: "pp",
  nvmlDeviceGetPowerUsage: "pp",
  nvmlDeviceGetTotalEnergyConsumption: "pp",
  nvmlDeviceGetFieldValues: "pip",
  nvmlDeviceGetSamples: "pilppp",
  nvmlDeviceGetTemperature: "pip",
  nvmlDeviceGetTemperatureV: "pp",
  nvmlDeviceGetClockInfo: "pip",
  nvmlDeviceGetUtilizationRates: "pp",
  nvmlDeviceGetMemoryInfo: "pp",
  nvmlDeviceGetMemoryInfo_v2: "pp",
  nvmlDeviceGetPerformanceState: "pp",
  nvmlDeviceGetCurrentClocksEventReasons: "pp",
  nvmlDeviceGetCurrentClocksThrottleReasons: "pp",
  nvmlDeviceGetPowerManagementLimit: "pp",
  nvmlDeviceGetPowerManagementDefaultLimit: "pp",
  nvmlDeviceGetPowerManagementLimitConstraints: "ppp",
  nvmlDeviceGetEnforcedPowerLimit: "pp",
  nvmlDeviceGetPersistenceMode: "pp",
  nvmlDeviceGetEccMode: "ppp",
  nvmlDeviceGetMigMode: "ppp",
  nvmlDeviceGetComputeRunningProcesses_v3: "ppp",
};

const C_TYPES: Readonly<Record<string, string>> = {
  p: "void *",
  u: "unsigned int",
  i: "int",
  l: "unsigned long long",
};

/**
 * Loads the library. A function that this driver lacks answers FUNCTION_NOT_FOUND, as NVML's own do.
 * @throws SourceError when there is no NVIDIA driver here
 */
export async function loadNvml(path = "libnvidia-ml.so.1"): Promise<NvmlNative> {
  const { default: koffi } = await import("koffi");
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load(path);
  } catch (cause) {
    throw new SourceError(`${path}: no NVIDIA driver on this machine`, cause);
  }
  const entry = ([name, signature]: [string, string]): [string, unknown] => {
    try {
      const types = [...signature].map((letter) => C_TYPES[letter]!);
      return [name, library.func(name, "int", types)];
    } catch {
      return [name, () => NvmlCode.functionNotFound];
    }
  };
  return {
    c: Object.fromEntries(Object.entries(SIGNATURES).map(entry)) as unknown as NvmlBindings,
    allocate(bytes) {
      const address = koffi.alloc("uint8_t", bytes) as Address;
      return { address, view: new DataView(koffi.view(address, bytes)) };
    },
  };
}
