// Who is at a port? Each kind of instrument is asked in its own tongue until one answers. USB ids only spare
// strangers the questions that cannot be theirs; nobody is known by an id.

import { SourceError } from "../../schema/errors.ts";
import { channelsOf } from "../../schema/wire/frame-records.ts";
import type { Source } from "../../schema/records.ts";
import { formatQuantity } from "../../schema/units.ts";
import {
  channelNames,
  type Greeting,
  probe,
  SEARCH_PATIENCE_MS,
  sourceOf,
} from "./truejoule-daq/handshake.ts";
import type { PortInfo } from "../ports/port-list.ts";
import { type PmdUsb, probePmdUsb } from "./pmd-usb/handshake.ts";
import type { OpenAt, OpenPort } from "../ports/port.ts";
import { probePpk2 } from "./ppk2/handshake.ts";
import type { Ppk2 } from "./ppk2/metadata.ts";
import { LEVEL_V } from "./powersensor3/config.ts";
import { type PowerSensor3, probePowerSensor3 } from "./powersensor3/handshake.ts";

export interface Recognised {
  /** The rig's `device.kind`. */
  readonly kind: string;
  readonly model: string;
  /** null where the instrument has none. */
  readonly serial: string | null;
  /** null where it does not say. */
  readonly firmware: string | null;
  /** null where its protocol does not tell silicon from a program. */
  readonly source: Source | null;
  /** What it says of itself, for eyes. */
  readonly lines: readonly string[];
  /** The same for `--json`. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A port and who answered there, or why nobody did, in one line. */
export type Finding =
  | { readonly port: PortInfo; readonly device: Recognised }
  | { readonly port: PortInfo; readonly problem: string };

export interface Question {
  /** The rig's `device.kind`; null: any that names none of the others. */
  readonly kind: string | null;
  /** For messages. */
  readonly name: string;
  /** `vendor:product` that such an instrument has, and strangers too; null: any. */
  readonly usb: string | null;
  readonly ask: (open: OpenAt) => Promise<Recognised>;
}

/** In this order, those for the port's own USB id first. */
const QUESTIONS: readonly Question[] = [
  {
    kind: null,
    name: "DAQ",
    usb: null,
    ask: async (open) => ofWire(await probe(open(), SEARCH_PATIENCE_MS)),
  },
  {
    kind: "powersensor3",
    name: "PowerSensor3",
    usb: "0483:5740",
    ask: async (open) => ofPowerSensor3(await probePowerSensor3(open())),
  },
  {
    kind: "elmorlabs-pmd-usb",
    name: "PMD-USB",
    usb: "1a86:7523",
    ask: async (open) => ofPmdUsb(await probePmdUsb(open)),
  },
  // Its stop is a PMD-USB's first byte of four: that one has been asked before.
  {
    kind: "nordic-ppk2",
    name: "PPK2",
    usb: "1915:c00a",
    ask: async (open) => ofPpk2(await probePpk2(open())),
  },
];

/** What to ask for a rig's kind of device. */
export function questionOf(kind: string): Question {
  return QUESTIONS.find((q) => q.kind === kind) ?? QUESTIONS.find((q) => q.kind === null)!;
}

/** Whether there is any sense in asking there. */
export function couldAnswer({ usb }: Question, { vendorId, productId }: PortInfo): boolean {
  return usb === null || vendorId === undefined || usb === `${vendorId}:${productId}`.toLowerCase();
}

/** Asks at every port, all at once. */
export function findDevices(
  ports: readonly PortInfo[],
  open: (path: string, options?: { baud?: number }) => OpenPort,
): Promise<Finding[]> {
  return Promise.all(
    ports.map(async (port): Promise<Finding> => {
      let problem: string | undefined;
      for (const { ask } of questionsFor(port))
        try {
          return {
            port,
            device: await ask((baud) => open(port.path, baud === undefined ? {} : { baud })),
          };
        } catch (error) {
          if (!(error instanceof SourceError)) throw error;
          problem ??= error.message;
        }
      return { port, problem: problem! };
    }),
  );
}

/** Questions for an id of its own come first: at another rate a hello is noise, and noise may be a command. */
function questionsFor(port: PortInfo): readonly Question[] {
  const fitting = QUESTIONS.filter((q) => couldAnswer(q, port));
  if (port.vendorId === undefined) return fitting;
  return fitting.sort((a, b) => Number(a.usb === null) - Number(b.usb === null));
}

function ofWire({ identity: i, capabilities: c }: Greeting): Recognised {
  const channels = channelNames(c);
  const rate = `up to ${formatQuantity(c.maxSamplesHz, "Hz")} in all, ${c.bits} bits`;
  const lines = channelsOf(c.edgeLines | c.sampledLines).length;
  return {
    kind: "truejoule-daq",
    model: i.model,
    serial: i.serial,
    firmware: i.firmware,
    source: sourceOf(i),
    lines: [
      `channels ${channels.join(", ")}; ${rate}; ${lines} trigger line${lines === 1 ? "" : "s"}`,
    ],
    facts: {
      channels,
      row_hz: c.rowHz,
      max_samples_hz: c.maxSamplesHz,
      bits: c.bits,
      tick_hz: c.tickHz,
      tick_tolerance_ppb: c.tickTolerancePpb,
    },
  };
}

function ofPowerSensor3({ version, sensors }: PowerSensor3): Recognised {
  const used = sensors.flatMap((s, i) => (s.inUse ? [{ ...s, sensor: i }] : []));
  return {
    kind: "powersensor3",
    model: "PowerSensor3",
    serial: null,
    firmware: version,
    source: null,
    lines: used.map(
      ({ sensor, pair, type, vrefV, sensitivity }) =>
        `sensor${sensor} ${pair} ${type}: ${quantityOf(sensor)}, sensitivity ${sensitivity.toPrecision(5)} V/${unitOf(sensor)}, zero ${vrefV.toFixed(4)} V (level ${(vrefV / LEVEL_V).toFixed(1)})`,
    ),
    facts: {
      row_hz: 20_000,
      sensors: used.map(({ sensor, pair, type, vrefV, sensitivity }) => ({
        sensor,
        pair,
        type,
        quantity: quantityOf(sensor),
        vref_v: vrefV,
        sensitivity,
      })),
    },
  };
}

function ofPmdUsb({ firmware }: PmdUsb): Recognised {
  return {
    kind: "elmorlabs-pmd-usb",
    model: "ElmorLabs PMD-USB",
    serial: null,
    firmware: String(firmware),
    source: null,
    lines: ["inputs pcie1, pcie2, eps1, eps2; up to 5.12 kHz"],
    facts: { inputs: ["pcie1", "pcie2", "eps1", "eps2"], max_row_hz: 5120 },
  };
}

function ofPpk2({ calibrated, hardware, vddV, ranges, defaults }: Ppk2): Recognised {
  const ohms = ranges.map(({ r }) => formatQuantity(r, "ohm"));
  const but = defaults.length === 0 ? "" : ` but for ${defaults.join(", ")}`;
  return {
    kind: "nordic-ppk2",
    model: "Nordic PPK2",
    serial: null,
    firmware: null,
    source: null,
    lines: [
      `100 kHz, current and logic inputs d0 to d7; shunts ${ohms.join(", ")}; ${calibrated === false ? "un" : ""}calibrated${but}`,
    ],
    facts: { row_hz: 100_000, hardware, calibrated, vdd_v: vddV, defaults },
  };
}

const quantityOf = (sensor: number): string => (sensor % 2 === 0 ? "current" : "voltage");
const unitOf = (sensor: number): string => (sensor % 2 === 0 ? "A" : "V");
