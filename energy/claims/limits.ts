// What a channel's device can draw at most → which reads of it are readings. In: all reads of a power channel. Out:
// the same, with NaN for what no such device draws, and how many these were.
// Holds: a card that answers draws something, so a card's 0 W is no reading; a rail's or an outlet's may be one.

import type { Scan, TelemetrySeries } from "../../align/scanned.ts";
import type { ReadColumn } from "../../align/read-column.ts";

/** Four times what the largest module of 2025 may draw (NVIDIA B300: 1.4 kW), and more than any processor package. */
const CARD_W = 5600;
/** More than a host and all in it (a server of eight such modules: 14 kW). */
const HOST_W = 50e3;
/** More than what is metered in one place. */
const METER_W = 1e9;
/** What a card draws in the mean over 10 ms and more stays below twice its limit (ATX 3.0: 160 % for 10 ms). */
const OVER_LIMIT = 2;
/** −1, or the largest number, in a driver's microwatts of 32 bits: what it says when it knows nothing. */
const UNKNOWN_W: readonly number[] = [4294.967295, 2147.483647];

export const isCard = (name: string): boolean => /^(nvml|nvidia_smi|rocm)\./.test(name);

/** No device of the channel's kind draws more, W. @param limitW what this very one may be set to, where it is known. */
export function mostPowerW(name: string, limitW = Infinity): number {
  if (isCard(name)) return Math.min(CARD_W, OVER_LIMIT * limitW);
  if (/^rapl\./.test(name)) return CARD_W;
  return /^hwmon\./.test(name) ? HOST_W : METER_W;
}

/** The part of a channel's name that says whose it is: `nvml.0.` of `nvml.0.power_usage`. */
const owner = (name: string): string => name.slice(0, name.lastIndexOf(".") + 1);

/** The largest limit that is known of the card of a channel, W; undefined where none is. */
export function limitOf(
  name: string,
  scan: Pick<Scan, "telemetry" | "attachments">,
): number | undefined {
  if (!isCard(name)) return undefined;
  let most = 0;
  for (const w of statedLimits(name, scan.attachments)) most = Math.max(most, w);
  for (const { channel, value } of scan.telemetry) {
    if (channel.quantity !== "state" || channel.unit !== "W") continue;
    if (owner(channel.name) !== owner(name)) continue;
    for (const w of value) if (w < CARD_W) most = Math.max(most, w);
  }
  return most > 0 ? most : undefined;
}

/** What the driver said of the card when the recording began (environment.json, docs/telemetry.md). */
function statedLimits(name: string, attachments: Scan["attachments"]): number[] {
  const own = name.startsWith("nvml.") ? ownGpus(name, attachments) : [];
  if (own.length !== 1) return [];
  return ["max_power_limit_w", "default_power_limit_w", "power_limit_w"].flatMap((key) => {
    const w = own[0]![key];
    return typeof w === "number" ? [w] : [];
  });
}

/** Cards that an NVML channel may be of, as the driver named them. */
function ownGpus(channel: string, attachments: Scan["attachments"]): readonly Stated[] {
  const number = /^nvml\.(\d+)\./.exec(channel)?.[1];
  return gpusOf(attachments).filter((g) => number === undefined || g["index"] === Number(number));
}

/** The card of a channel as its driver names it; "" where nobody says. */
export function cardOf(
  channel: string,
  { session: { source, labels }, attachments }: Pick<Scan, "session" | "attachments">,
): string {
  if (source === "virtual") return "virtual";
  const gpus = channel.startsWith("nvml.") ? ownGpus(channel, attachments) : [];
  const name = gpus.length === 1 ? gpus[0]?.["name"] : undefined;
  return typeof name === "string" ? name : (labels["gpu"] ?? "");
}

type Stated = Readonly<Record<string, unknown>>;
const isStated = (x: unknown): x is Stated => typeof x === "object" && x !== null;

/** GPUs that the driver named when the recording began; none where nobody asked it. */
export function gpusOf(attachments: Scan["attachments"]): readonly Stated[] {
  const bytes = attachments.get("environment.json");
  return bytes ? gpusIn(bytes) : [];
}

/** Of a file that anybody may have written. */
function gpusIn(bytes: Uint8Array): readonly Stated[] {
  try {
    const said: unknown = JSON.parse(Buffer.from(bytes).toString());
    const nvml = isStated(said) ? said["nvml"] : null;
    const gpus = isStated(nvml) ? nvml["gpus"] : null;
    return Array.isArray(gpus) ? gpus.filter(isStated) : [];
  } catch {
    return [];
  }
}

/** A power channel's reads, and those of them that cannot be. */
export interface Readings {
  readonly series: TelemetrySeries;
  readonly impossible: number;
  /** What no such device draws, W. */
  readonly mostW: number;
}

export function readingsOf(s: TelemetrySeries, mostW: number): Readings {
  const { name } = s.channel;
  const isPossible = (w: number): boolean =>
    !(w > mostW) && !(isCard(name) && w <= 0) && !UNKNOWN_W.includes(w);
  if (s.channel.quantity !== "power" || !s.value.some((w) => !isPossible(w)))
    return { series: s, impossible: 0, mostW };
  let impossible = 0;
  const value: ReadColumn = s.value.beside();
  for (const w of s.value) {
    if (!isPossible(w)) impossible++;
    value.push(isPossible(w) ? w : NaN);
  }
  return { series: { ...s, value }, impossible, mostW };
}
