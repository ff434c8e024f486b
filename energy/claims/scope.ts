// What a telemetry channel measures, and whether that is what the rails feed. In: channels by name, a rig. Out: which
// claims may be set against the rails. Holds: what nobody says is not guessed; with one GPU in a run the rails feed it.

import type { Rig } from "../../schema/rig.ts";

/** `gpu:0`, `cpu:0`, `module`, `other`; GPUs by the index or address in their channels' names, 0 where there is one. */
export function measuredBy(channel: string): string {
  const gpu = /^(?:nvml|nvidia_smi|rocm)\.(?:(.+)\.)?[^.]+$/.exec(channel);
  if (gpu) return `gpu:${gpu[1] ?? "0"}`;
  if (/^hwmon\.(?:xe|i915)\./.test(channel)) return "gpu:0";
  const cpu = /^rapl\.package-(\d+)/.exec(channel);
  if (cpu) return `cpu:${cpu[1]}`;
  if (/^rapl\./.test(channel)) return "cpu:0";
  return /^hwmon\.ina3221/.test(channel) ? "module" : "other";
}

export interface Scope {
  /** Of a channel: it measures what all rails feed. */
  readonly holds: (channel: string) => boolean;
  /** What the rails say they feed, where it is more than one thing: all of it together is what they measure. */
  readonly together: readonly string[];
  /** Channels of GPUs that no rail names, where there are several; of a part of what rails feed that stands in no sum. */
  readonly unassigned: readonly string[];
  /** Channels of other things, beside those of a GPU that the rails feed. */
  readonly elsewhere: readonly string[];
}

/** A GPU as the driver says it. */
export interface Known {
  readonly uuid?: unknown;
  readonly index?: unknown;
}

/** @param channels that claim Joules. @param known GPUs of the machine, by which a rail's UUID is one of them. */
export function scopeOf(
  rig: Pick<Rig, "rails"> | null,
  channels: readonly string[],
  known: readonly Known[],
): Scope {
  const gpus = [...new Set(channels.map(measuredBy).filter((m) => m.startsWith("gpu:")))];
  const named = (rig?.rails ?? []).flatMap((r) => r.feeds ?? []);
  const fed = [...new Set(named.map((name) => fedGpu(name, gpus, known)))];
  const subjects = fed.length > 0 ? fed : gpus;
  const isOne = subjects.length === 1;
  // Where no channel is a GPU's, and no rail says what it feeds, they all speak of the one thing that is measured.
  const all = subjects.length === 0;
  const holds = (channel: string): boolean => all || (isOne && measuredBy(channel) === subjects[0]);
  const together = fed.length > 1 ? fed : [];
  const summed = [...kindsOf(channels, together).values()].flat();
  const outside = channels.filter((c) => !holds(c) && !summed.includes(c));
  const mayBeFed = (c: string): boolean =>
    fed.length > 1 ? fed.includes(measuredBy(c)) : measuredBy(c).startsWith("gpu:");
  return {
    holds,
    together,
    unassigned: isOne ? [] : outside.filter(mayBeFed),
    elsewhere: outside.filter((c) => isOne || !mayBeFed(c)),
  };
}

/** A GPU's channel without the GPU: `nvml`, `power_usage`; of others nothing. */
function kindOf(channel: string): readonly [source: string, field: string] | undefined {
  const [, source, field] = /^([^.]+)\.(?:.+)\.([^.]+)$/.exec(channel) ?? [];
  return source && field && measuredBy(channel).startsWith("gpu:") ? [source, field] : undefined;
}

/** Channels of one kind, one of each thing that rails feed together: by their kind. None where one lacks it. */
export function kindsOf(
  channels: readonly string[],
  together: readonly string[],
): Map<string, readonly string[]> {
  const kinds = new Map<string, string[]>();
  for (const channel of new Set(channels)) {
    const kind = kindOf(channel)?.join(".");
    if (kind === undefined || !together.includes(measuredBy(channel))) continue;
    kinds.set(kind, [...(kinds.get(kind) ?? []), channel]);
  }
  const isWhole = (of: readonly string[]): boolean =>
    together.length > 1 && new Set(of.map(measuredBy)).size === together.length;
  return new Map([...kinds].filter(([, of]) => isWhole(of)));
}

/** `nvml.0+1.power_usage` of `nvml.0.power_usage` and `nvml.1.power_usage`. */
export function sumName(channels: readonly string[]): string {
  const [source = "", field = ""] = kindOf(channels[0] ?? "") ?? [];
  const gpus = channels.map((c) => measuredBy(c).slice("gpu:".length));
  return `${source}.${gpus.join("+")}.${field}`;
}

/** `feeds` of a rail: an index, a UUID, or a word that `measuredBy` has. */
function fedGpu(name: string, gpus: readonly string[], known: readonly Known[]): string {
  if (/^\d+$/.test(name)) return gpus.length === 1 && known.length <= 1 ? gpus[0]! : `gpu:${name}`;
  if (!name.startsWith("GPU-")) return name;
  const index = known.find((k) => k.uuid === name)?.index;
  if (known.length > 1 && typeof index === "number") return `gpu:${index}`;
  return gpus.length === 1 ? gpus[0]! : name;
}
