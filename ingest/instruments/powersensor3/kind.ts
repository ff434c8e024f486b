import type { InstrumentKind, Recognised } from "../kind.ts";
import { LEVEL_V } from "./config.ts";
import { type PowerSensor3, probePowerSensor3 } from "./handshake.ts";

export const powerSensor3 = {
  kind: "powersensor3",
  name: "PowerSensor3",
  usb: "0483:5740",
  rigKeys: [],
  ask: async (open) => recognised(await probePowerSensor3(open())),
  start: async (open, ...rest) => (await import("./source.ts")).startPowerSensor3(open(), ...rest),
} as const satisfies InstrumentKind;

function recognised({ version, sensors }: PowerSensor3): Recognised {
  const used = sensors.flatMap((s, i) => (s.inUse ? [{ ...s, sensor: i }] : []));
  return {
    kind: powerSensor3.kind,
    model: "PowerSensor3",
    serial: null,
    firmware: version,
    source: null,
    channels: null,
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

const quantityOf = (sensor: number): string => (sensor % 2 === 0 ? "current" : "voltage");
const unitOf = (sensor: number): string => (sensor % 2 === 0 ? "A" : "V");
