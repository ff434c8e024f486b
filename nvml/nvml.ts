// The driver's library in SI units. In: C calls of bindings.ts. Out: NvmlLibrary. Milliwatts and
// millijoules end here. Struct layouts: nvml.h 13.5, 64-bit Linux (offsets in bytes beside each use).

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
/** No ring is believed to be larger: 20 minutes of an H100's. */
const MAX_SAMPLES = 1 << 16;
const MEMORY_V2 = 0x02000028;
const TEMPERATURE_V1 = 0x0100000c;

/** @throws SourceError when the library does not initialise, naming its code */
export function openNvml(native: NvmlNative, clocks: WallClocks): NvmlLibrary {
  const { c } = native;
  const code = c.nvmlInit_v2();
  if (code !== NvmlCode.success)
    throw new SourceError(`nvmlInit_v2: ${nvmlCodeName(code)} (code ${code})`);
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
  const maxSamples = sampleCapacity(native, handle);
  return {
    index,
    name: text((out, n) => c.nvmlDeviceGetName(handle, out, n)),
    uuid: text((out, n) => c.nvmlDeviceGetUUID(handle, out, n)),
    maxSamples,
    read: readers(native, handle, clocks, maxSamples),
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
function readers(
  native: NvmlNative,
  device: bigint,
  clocks: WallClocks,
  maxSamples: number,
): Record<Quantity, Reader> {
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
      view.setInt32(28, NvmlCode.unknown, true); // what the driver leaves unanswered is no success
      const refusal = c.nvmlDeviceGetFieldValues(device, 1, address) || view.getInt32(28, true);
      const value = refusal === 0 ? typedValue(view, 32, view.getInt32(24, true)) : NaN;
      const code = refusal === 0 && Number.isNaN(value) ? NvmlCode.unknown : refusal;
      const stampUs = code === 0 ? Number(view.getBigInt64(8, true)) : NaN;
      out.put(value / perUnit, code, stampUs || NaN);
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
    power_samples: samplesReader(samplesFetch(native, device, maxSamples), clocks, maxSamples),
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

/** nvmlValue_t by nvmlValueType_t: 0 f64, 1 u32, 2 and 3 u64, 4 i64, 5 i32, 6 u16; NaN for a later one. */
function typedValue(view: DataView, at: number, type: number): number {
  if (type === 0) return view.getFloat64(at, true);
  if (type === 1) return view.getUint32(at, true);
  if (type === 2 || type === 3) return Number(view.getBigUint64(at, true));
  if (type === 4) return Number(view.getBigInt64(at, true));
  if (type === 5) return view.getInt32(at, true);
  return type === 6 ? view.getUint16(at, true) : NaN;
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
  if (code !== NvmlCode.functionNotFound && code !== NvmlCode.argumentVersionMismatch) {
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

/** Room for all that the driver's ring holds now, and as much again; with no array it says how many (nvml.h). */
function sampleCapacity(native: NvmlNative, device: bigint): number {
  const type = native.allocate(4);
  const count = native.allocate(4);
  const code = native.c.nvmlDeviceGetSamples(
    device,
    SAMPLES_TOTAL_POWER,
    0n,
    type.address,
    count.address,
    0n,
  );
  const held = code === 0 ? count.view.getUint32(0, true) : 0;
  return Math.max(SAMPLE_CAPACITY, Math.min(MAX_SAMPLES, 2 * held));
}

/**
 * nvmlSample_t: timeStamp u64 at 0 (µs), value union at 8; power samples are milliwatts, by nvml.h as unsigned int.
 */
function samplesFetch(native: NvmlNative, device: bigint, capacity: number): FetchSamples {
  const type = native.allocate(4);
  const count = native.allocate(4);
  const samples = native.allocate(capacity * 16);
  return (sinceUs, into) => {
    into.count = 0;
    count.view.setUint32(0, capacity, true);
    const code = native.c.nvmlDeviceGetSamples(
      device,
      SAMPLES_TOTAL_POWER,
      BigInt(Math.max(0, Math.round(sinceUs))),
      type.address,
      count.address,
      samples.address,
    );
    if (code !== 0) return code;
    const valueType = type.view.getInt32(0, true);
    const n = Math.min(capacity, count.view.getUint32(0, true));
    for (let i = 0; i < n; i++) {
      const value = typedValue(samples.view, 16 * i + 8, valueType);
      if (Number.isNaN(value)) return NvmlCode.unknown;
      into.stampUs[i] = Number(samples.view.getBigUint64(16 * i, true));
      into.valueW[i] = value / MILLI_PER_UNIT;
    }
    into.count = n;
    return 0;
  };
}
