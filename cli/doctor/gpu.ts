// NVML: is it there, and is each GPU in a state in which its figures mean what they say.

import { nvmlCodeName, type Queried } from "../../nvml/codes.ts";
import type { DeviceFacts, NvmlDevice, NvmlLibrary, Quantity } from "../../nvml/library.ts";
import { DEFAULT_PERIODS } from "../../nvml/grids.ts";
import { shortestOfCard } from "../../energy/shortest.ts";
import { claimsByLength } from "../shortest-text.ts";
import type { Finding } from "./machine.ts";

export function gpuFindings(nvml: NvmlLibrary | string): Finding[] {
  if (typeof nvml === "string")
    return [
      {
        check: "NVML",
        verdict: "no",
        text: nvml,
        remedy:
          "install NVIDIA's driver (a container: --gpus all and NVIDIA_DRIVER_CAPABILITIES=utility); without a GPU there is nothing to do",
      },
    ];
  const { driver, devices, unopened, simulated } = nvml;
  const count = `${devices.length} GPU${devices.length === 1 ? "" : "s"}`;
  return [
    {
      check: "NVML",
      verdict: "ok",
      text: `${simulated ? "simulated driver" : `driver ${driver}`}, ${count}`,
    },
    ...unopened.map(({ index, code }): Finding => ({
      check: `GPU ${index}`,
      verdict: "no",
      text: `cannot be opened: ${nvmlCodeName(code)}`,
      remedy: "see dmesg; nvidia-smi -r resets it, a container must be given it",
    })),
    ...devices.flatMap((d) => deviceFindings(d, d.facts())),
  ];
}

function deviceFindings(d: NvmlDevice, facts: DeviceFacts): Finding[] {
  const gpu = `GPU ${d.index}`;
  const on = `-i ${d.index}`;
  return [
    { check: gpu, verdict: "ok", text: d.name },
    { check: `${gpu} events`, verdict: "ok", text: events(d.name) },
    flag(`${gpu} persistence`, facts.persistence, true, {
      text: "off: the driver may unload between processes, and its energy counter restart",
      remedy: `sudo nvidia-smi ${on} -pm 1`,
    }),
    flag(`${gpu} ECC`, facts.ecc, true, {
      text: "off: power and bandwidth are not those of a data centre's card",
      remedy: `sudo nvidia-smi ${on} -e 1, then reset the GPU; or state it with the results`,
    }),
    flag(`${gpu} MIG`, facts.mig, false, {
      text: "on: power and energy are the whole GPU's, not an instance's",
      remedy: `sudo nvidia-smi ${on} -mig 0`,
    }),
    limit(`${gpu} power limit`, facts, on),
    clocks(`${gpu} clocks`, d, on),
    others(`${gpu} processes`, facts.computeProcesses),
  ];
}

/** What the driver's claims can resolve on a card, polled as `record` does. */
function events(name: string): string {
  const { fastNs, slowNs } = DEFAULT_PERIODS;
  const claims = [
    ...shortestOfCard(name, ["nvml.power_usage", "nvml.power_instant"], fastNs),
    ...shortestOfCard(name, ["nvml.energy_counter"], slowNs),
  ];
  return `the shortest that a claim resolves: ${claimsByLength(claims).join("; ")}`;
}

/** A mode that ought to be `wanted`; one that the card does not have is as it should be. */
function flag(
  check: string,
  q: Queried<boolean>,
  wanted: boolean,
  otherwise: { readonly text: string; readonly remedy: string },
): Finding {
  if (!("value" in q)) return { check, verdict: "ok", text: `not told (${nvmlCodeName(q.code)})` };
  if (q.value === wanted) return { check, verdict: "ok", text: wanted ? "on" : "off" };
  return { check, verdict: "warn", ...otherwise };
}

function limit(check: string, facts: DeviceFacts, on: string): Finding {
  const { enforcedPowerLimitW: now, defaultPowerLimitW: usual } = facts;
  if (!("value" in now)) return { check, verdict: "ok", text: "not told" };
  if (!("value" in usual) || usual.value === now.value)
    return {
      check,
      verdict: "ok",
      text: `${now.value} W${"value" in usual ? ", the default" : ""}`,
    };
  const text = `${now.value} W, the default is ${usual.value} W`;
  return { check, verdict: "warn", text, remedy: `sudo nvidia-smi ${on} -pl ${usual.value}` };
}

/** nvml.h, NVML_CLOCKS_EVENT_REASON_*: those that slow a card down. */
const SLOWING: readonly (readonly [number, string])[] = [
  [0x4, "software power cap"],
  [0x8, "hardware slowdown"],
  [0x20, "software thermal slowdown"],
  [0x40, "hardware thermal slowdown"],
  [0x80, "power brake"],
];

function clocks(check: string, d: NvmlDevice, on: string): Finding {
  const mask = readOnce(d, "clocks_event_reasons");
  const mhz = readOnce(d, "clock_sm") / 1e6;
  const state = readOnce(d, "pstate");
  const parts = [
    Number.isFinite(mhz) ? `SM at ${mhz.toFixed(0)} MHz` : "SM clock not told",
    Number.isFinite(state) ? `P${state}` : null,
  ].filter((p) => p !== null);
  const slowed = SLOWING.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
  const text = [...parts, ...slowed].join(", ");
  if (slowed.length === 0) return { check, verdict: "ok", text };
  const remedy = `cool it, raise its limit, or lock lower clocks: sudo nvidia-smi ${on} -lgc MIN,MAX`;
  return { check, verdict: "warn", text, remedy };
}

/** NaN when refused. */
function readOnce(d: NvmlDevice, quantity: Quantity): number {
  let value = NaN;
  d.read[quantity]({ put: (v, code) => void (value = code === 0 ? v : NaN) });
  return value;
}

function others(check: string, q: Queried<number>): Finding {
  if (!("value" in q)) return { check, verdict: "ok", text: `not told (${nvmlCodeName(q.code)})` };
  if (q.value === 0) return { check, verdict: "ok", text: "none is computing" };
  const text = `${q.value} already computing: their power will be in every window`;
  return {
    check,
    verdict: "warn",
    text,
    remedy: "nvidia-smi lists them; stop what is not measured",
  };
}
