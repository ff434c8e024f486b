// The INA226's figures that host and emulator share (TI SBOS547B): what a count is worth, and when a reading
// looks at the shunt and when at the bus. In the continuous mode it converts the shunt, then the bus, and
// repeats the pair as often as it averages (6.3.1); the registers change after the last pair.

/** Volts a count of the shunt and bus voltage registers. */
export const SHUNT_COUNT_V = 2.5e-6;
export const BUS_COUNT_V = 1.25e-3;

const CONVERSION_US = [140, 204, 332, 588, 1100, 2116, 4156, 8244] as const;
const AVERAGES = [1, 4, 16, 64, 128, 256, 512, 1024] as const;
const SHUNT_AND_BUS = [3, 7];

/** Nominal times of one reading, µs: `averages` pairs of shunt and bus conversions. */
export interface ReadingPlan {
  readonly shuntUs: number;
  readonly busUs: number;
  readonly averages: number;
}

/** By the configuration register; undefined where it does not convert both. */
export function readingPlan(config: number): ReadingPlan | undefined {
  if (!SHUNT_AND_BUS.includes(config & 7)) return undefined;
  return {
    shuntUs: CONVERSION_US[(config >> 3) & 7]!,
    busUs: CONVERSION_US[(config >> 6) & 7]!,
    averages: AVERAGES[(config >> 9) & 7]!,
  };
}

/** Status byte of a reading (docs/wire.md, 03). */
export const ReadingStatus = { notRead: 1, overflow: 2, uncertainEnd: 4 } as const;
/** An end stamped by the chip's own alert is no worse than an interrupt's latency, ticks of 1 µs. */
const EXACT_TICKS = 64;

/** How far a reading's end tick may lie from the true end of its conversion, either way, ticks. */
export function endBoundTicks(status: number): number {
  return status & ReadingStatus.uncertainEnd ? 2 ** (status >> 3) : EXACT_TICKS;
}

/** Stretches [from, to] in which a reading from `start` to `end` looked at one of its inputs, any unit of time. */
export function slotsOf(
  { shuntUs, busUs, averages }: ReadingPlan,
  input: "shunt" | "bus",
  start: number,
  end: number,
): [number, number][] {
  const pair = (end - start) / averages;
  const turn = (pair * shuntUs) / (shuntUs + busUs);
  return Array.from({ length: averages }, (_, k) => {
    const from = start + k * pair;
    return input === "shunt" ? [from, from + turn] : [from + turn, from + pair];
  });
}
