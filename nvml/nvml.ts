// The driver's library in SI units. In: C calls of bindings.ts. Out: NvmlLibrary. Milliwatts and
// millijoules end here. Struct layouts: nvml.h 13.3, 64-bit Linux (offsets in bytes beside each use).

import { SourceError } from "../schema/errors.ts";
import type { NvmlBindings, NvmlNative } from "./bindings.ts";
import { type FetchSamples, SAMPLE_CAPACITY, samplesReader, type WallClocks } from "./buffered.ts";
import { NvmlCode, nvmlCodeName, type Queried } from "./codes.ts";
import type { NvmlDevice, NvmlLibrary, Quantity, Reader } from "./library.ts";
import { cString, deviceFacts } from "./nvml-facts.ts";

const TEXT_BYTES = 96; // UUID and name buffers; the driver version needs 80
/** Divided by, not multiplied with its inverse: that rounds once. */
const MILLI_PER_UNIT = 1000;
const MEGA = 1e6;
const PERCENT_PER_UNIT = 100;

const FIELD = { memoryTemperature: 82, powerAverage: 185, powerInstant: 186 } as const;
const TEMPERATURE_GPU = 0;
const CLOCK = { sm: 1, memory: 2 } as const;
const SAMPLES_TOTAL_POWER = 0;
const MEMORY_V2 = 0x02000028;
const TEMPERATURE_V1 = 0x0100000c;

/** @throws SourceError (fatal) when the library does not initialise, naming its code */
export function openNvml(native: NvmlNative, clocks: WallClocks): NvmlLibrary {
  const { c } = native;
  const code = c.nvmlInit_v2();
  if (code !== NvmlCode.success)
    throw new SourceError("fatal", `nvmlInit_v2: ${nvmlCodeName(code)} (code ${code})`);
  const memory = native.allocate(TEXT_BYTES);
  const text = (call: (out: bigint, length: number) => number): string => {
    const answer = queryText(memory, call);
    return "value" in answer ? answer.value : nvmlCodeName(answer.code);
  };
  const count = c.nvmlDeviceGetCount_v2(memory.address) === 0 ? memory.view.getUint32(0, true) : 0;
  const devices: NvmlDevice[] = [];
  const unopened: { index: number; code: number }[] = [];
  for (let index = 0; index < count; index++) {
    const failure = c.nvmlDeviceGetHandleByIndex_v2(index, memory.address);
    const handle = memory.view.getBigUint64(0, true);
    if (failure === 0) devices.push(openDevice(native, index, handle, clocks));
    else unopened.push({ index, code: failure });
  }
  return {
    simulated: false,
    driver: text((out, n) => c.nvmlSystemGetDriverVersion(out, n)),
    version: text((out, n) => c.nvmlSystemGetNVMLVersion(out, n)),
    devices,
    unopened,
    close: () => void c.nvmlShutdown(),
  };
}

function openDevice(
  native: NvmlNative,
  index: number,
  handle: bigint,
  clocks: WallClocks,
): NvmlDevice {
  const { c } = native;
  const memory = native.allocate(TEXT_BYTES);
  const text = (call: (out: bigint, length: number) => number): string => {
    const answer = queryText(memory, call);
    return "value" in answer ? answer.value : nvmlCodeName(answer.code);
  };
  return {
    index,
    name: text((out, n) => c.nvmlDeviceGetName(handle, out, n)),
    uuid: text((out, n) => c.nvmlDeviceGetUUID(handle, out, n)),
    read: readers(native, handle, clocks),
    facts: () => deviceFacts(native, handle),
  };
}

function queryText(
  memory: { address: bigint; view: DataView },
  call: (out: bigint, length: number) => number,
): Queried<string> {
  const code = call(memory.address, TEXT_BYTES);
  return code === 0 ? { value: cString(memory.view, 0) } : { code };
}

/** One closure per quantity, made once; each allocates nothing when called. */
function readers(native: NvmlNative, device: bigint, clocks: WallClocks): Record<Quantity, Reader> {
  const { c } = native;
  const { address, view } = native.allocate(64);

  const scalar =
    (call: () => number, value: () => number): Reader =>
    (out) => {
      const code = call();
      out.put(code === 0 ? value() : NaN, code, NaN);
    };
  const u32 = (): number => view.getUint32(0, true);
  const clock = (type: number): Reader =>
    scalar(
      () => c.nvmlDeviceGetClockInfo(device, type, address),
      () => u32() * MEGA,
    );
  const utilization = (offset: number): Reader =>
    scalar(
      () => c.nvmlDeviceGetUtilizationRates(device, address), // gpu 0, memory 4
      () => view.getUint32(offset, true) / PERCENT_PER_UNIT,
    );
  /** A nvmlFieldValue_t: id 0, scope 4, timestamp 8 (Unix µs), type 24, return 28, value 32. */
  const field =
    (id: number, perUnit: number): Reader =>
    (out) => {
      view.setUint32(0, id, true);
      view.setUint32(4, 0, true); // scope: the GPU
      const code = c.nvmlDeviceGetFieldValues(device, 1, address) || view.getInt32(28, true);
      const stampUs = code === 0 ? Number(view.getBigInt64(8, true)) : NaN;
      out.put(code === 0 ? fieldValue(view) / perUnit : NaN, code, stampUs || NaN);
    };

  return {
    power_usage: scalar(
      () => c.nvmlDeviceGetPowerUsage(device, address),
      () => u32() / MILLI_PER_UNIT,
    ),
    power_average: field(FIELD.powerAverage, MILLI_PER_UNIT),
    power_instant: field(FIELD.powerInstant, MILLI_PER_UNIT),
    energy_counter: scalar(
      () => c.nvmlDeviceGetTotalEnergyConsumption(device, address),
      () => Number(view.getBigUint64(0, true)) / MILLI_PER_UNIT,
    ),
    power_samples: samplesReader(samplesFetch(native, device), clocks),
    temperature: scalar(() => temperature(c, device, address, view), u32),
    temperature_memory: field(FIELD.memoryTemperature, 1),
    clock_sm: clock(CLOCK.sm),
    clock_memory: clock(CLOCK.memory),
    utilization_gpu: utilization(0),
    utilization_memory: utilization(4),
    memory_used: scalar(
      () => memoryUsed(c, device, address, view),
      () => Number(view.getBigUint64(0, true)),
    ),
    pstate: scalar(() => c.nvmlDeviceGetPerformanceState(device, address), u32),
    clocks_event_reasons: scalar(
      () => eventReasons(c, device, address),
      () => Number(view.getBigUint64(0, true)),
    ),
    power_limit: scalar(
      () => c.nvmlDeviceGetEnforcedPowerLimit(device, address),
      () => u32() / MILLI_PER_UNIT,
    ),
  };
}

/** The union at 32 by nvmlValueType_t at 24: 0 f64, 1 u32, 2 and 3 u64, 4 i64, 5 i32, 6 u16. */
function fieldValue(view: DataView): number {
  const type = view.getInt32(24, true);
  if (type === 0) return view.getFloat64(32, true);
  if (type === 1) return view.getUint32(32, true);
  if (type === 2 || type === 3) return Number(view.getBigUint64(32, true));
  if (type === 4) return Number(view.getBigInt64(32, true));
  if (type === 5) return view.getInt32(32, true);
  return type === 6 ? view.getUint16(32, true) : NaN;
}

/** nvmlDeviceGetTemperature is deprecated in 13.0; its successor came with 12.8. The value ends at 0. */
function temperature(c: NvmlBindings, device: bigint, address: bigint, view: DataView): number {
  const code = c.nvmlDeviceGetTemperature(device, TEMPERATURE_GPU, address);
  if (code !== NvmlCode.functionNotFound && code !== NvmlCode.deprecated) return code;
  view.setUint32(0, TEMPERATURE_V1, true); // version 0, sensor 4, temperature 8
  view.setUint32(4, TEMPERATURE_GPU, true);
  const newer = c.nvmlDeviceGetTemperatureV(device, address);
  view.setInt32(0, view.getInt32(8, true), true);
  return newer;
}

/** Without the driver's reserve where v2 is there, so that it is the processes' own. The value ends at 0. */
function memoryUsed(c: NvmlBindings, device: bigint, address: bigint, view: DataView): number {
  view.setUint32(0, MEMORY_V2, true); // version 0, total 8, reserved 16, free 24, used 32
  const code = c.nvmlDeviceGetMemoryInfo_v2(device, address);
  if (code !== NvmlCode.functionNotFound) {
    view.setBigUint64(0, view.getBigUint64(32, true), true);
    return code;
  }
  const older = c.nvmlDeviceGetMemoryInfo(device, address); // total 0, free 8, used 16
  view.setBigUint64(0, view.getBigUint64(16, true), true);
  return older;
}

/** Renamed in 12.2. */
function eventReasons(c: NvmlBindings, device: bigint, address: bigint): number {
  const code = c.nvmlDeviceGetCurrentClocksEventReasons(device, address);
  if (code !== NvmlCode.functionNotFound) return code;
  return c.nvmlDeviceGetCurrentClocksThrottleReasons(device, address);
}

/** nvmlSample_t: timeStamp u64 at 0 (µs), value union at 8; power samples are milliwatts. */
function samplesFetch(native: NvmlNative, device: bigint): FetchSamples {
  const type = native.allocate(4);
  const count = native.allocate(4);
  const samples = native.allocate(SAMPLE_CAPACITY * 16);
  return (sinceUs, into) => {
    into.count = 0;
    count.view.setUint32(0, SAMPLE_CAPACITY, true);
    const code = native.c.nvmlDeviceGetSamples(
      device,
      SAMPLES_TOTAL_POWER,
      BigInt(sinceUs),
      type.address,
      count.address,
      samples.address,
    );
    if (code !== 0) return code;
    const n = Math.min(SAMPLE_CAPACITY, count.view.getUint32(0, true));
    for (let i = 0; i < n; i++) {
      into.stampUs[i] = Number(samples.view.getBigUint64(16 * i, true));
      into.valueW[i] = samples.view.getUint32(16 * i + 8, true) / MILLI_PER_UNIT;
    }
    into.count = n;
    return 0;
  };
}
