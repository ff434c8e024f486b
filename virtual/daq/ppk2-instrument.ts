// A virtual Nordic PPK2, written from the maker's program (NordicSemiconductor/pc-nrfconnect-ppk,
// serialDevice.ts): answers with its metadata, streams a word for each sample, changes its range by itself. No
// current flows until its output is switched on, in either mode.
// Holds: a unit whose calibration is far from the maker's defaults, and that knows nothing of the host's sums.

import { valueAt } from "../../stats/places.ts";
import type { Rig } from "../../schema/rig.ts";
import { NoiseTable } from "../bench/noise.ts";
import type { Instrument } from "./instrument.ts";
import {
  commandReader,
  levelOf,
  type Paced,
  pacedInstrument,
  type PacedRows,
  type Protocol,
} from "./paced.ts";

/** Bytes that follow a command. */
const ARGUMENTS: Readonly<Record<number, number>> = { 0x0c: 1, 0x0d: 2, 0x11: 1, 0x25: 5 };

/** This unit's own figures of each range; the first has no square term of its own, so the default of 1 holds. */
const UNIT = [
  { R: 1003.5, GS: NaN, GI: 0.9991, O: 112.9, S: 4.8e-8, I: -1.04e-7, UG: 1 },
  { R: 101.62, GS: 112.8, GI: 0.9695, O: 75.5, S: 6e-7, I: -1.44e-6, UG: 1.002 },
  { R: 10.21, GS: 18.01, GI: 0.9609, O: 64.2, S: 5.3e-6, I: -1.58e-5, UG: 0.998 },
  { R: 0.9437, GS: 2.42, GI: 0.9519, O: 50.1, S: 6.26e-5, I: -1.28e-4, UG: 1.004 },
  { R: 0.04312, GS: 0.0729, GI: 0.9582, O: 87.3, S: 1.87e-4, I: -1.83e-3, UG: 0.993 },
];
const FIGURES = ["R", "GS", "GI", "O", "S", "I", "UG"] as const;
const DEFAULT_GS = 1;
const SOURCE_MODE = 2;
const FIRST_MV = 3000;
/** Largest currents of the finer ranges, A; it goes back below this share of one. */
const TOPS_A = [50e-6, 500e-6, 5e-3, 50e-3];
const BACK_SHARE = 0.8;
const VOLTS_A_STEP = 1.8 / 163_840;
const TOP_COUNT = 0x3fff;
/** Converter noise, counts rms. */
const NOISE_COUNTS = 0.6;

/** Counts of the bench's word: fine enough not to be seen; its top bit is the trigger line. */
const FINE = { perCount: 2 ** -15, zeroCount: 64, clip: [-1, 0x7fff] } as const;

/** The rig with a current that the bench tells finely, whatever the device makes of it. */
function finely(rig: Rig): Rig {
  const rails = rig.rails.map((rail) =>
    rail.current ? { ...rail, current: { ...rail.current, ...FINE } } : rail,
  );
  return { ...rig, rails };
}

export function ppk2Instrument(paced: Paced): Instrument {
  const { trigger } = paced.rig;
  return pacedInstrument({ ...paced, rig: finely(paced.rig) }, (rows) =>
    ppk2(rows, paced, trigger?.daqLine ?? null),
  );
}

/** @param logic input that the trigger line is wired to; null: none. */
function ppk2(rows: PacedRows, { send, bench }: Paced, logic: number | null): Protocol {
  const noise = new NoiseTable(bench.seed);
  const word = new DataView(new ArrayBuffer(4));
  const bytes = new Uint8Array(word.buffer);
  let [mode, mV, on, counter, range] = [1, FIRST_MV, false, 0, 0];
  /** Of the whole life: how many samples with the output off, and whether it ever fed anything. */
  const account = { rangeChanges: 0, samplesOff: 0, fed: false };

  const commands = commandReader(ARGUMENTS, (code, [first = 0, second = 0], nowNs) => {
    switch (code) {
      case 0x06:
        return rows.start(nowNs);
      case 0x07:
        return rows.stop();
      case 0x0c:
        on = first === 1;
        return;
      case 0x0d:
        mV = (first << 8) | second;
        return;
      case 0x11:
        mode = first;
        return;
      case 0x19:
        send(Buffer.from(metadata(mode, mV), "latin1"));
    }
  });
  return {
    take: commands.take,
    frame() {
      const bench = rows.word("current");
      const amperes = on ? ((bench & FINE.clip[1]) - FINE.zeroCount) * FINE.perCount : 0;
      const suits = rangeFor(amperes, range);
      if (suits !== range) account.rangeChanges++;
      range = suits;
      if (!on) account.samplesOff++;
      else if (mode === SOURCE_MODE) account.fed = true;
      const exact = countOf(amperes, range, mV / 1e3) + NOISE_COUNTS * noise.at(rows.index());
      const count = Math.max(0, Math.min(TOP_COUNT, Math.round(exact)));
      const level = logic === null ? 0 : levelOf(bench) << (24 + logic);
      word.setUint32(0, (count | (range << 14) | ((counter++ & 63) << 18) | level) >>> 0, true);
      return bytes;
    },
    reset() {
      [mode, mV, on, counter, range] = [1, FIRST_MV, false, 0, 0];
      commands.reset();
    },
    account: () => account,
  };
}

function rangeFor(amperes: number, range: number): number {
  const up = TOPS_A.findIndex((top) => amperes < top);
  const needed = up < 0 ? TOPS_A.length : up;
  if (needed >= range) return needed;
  return amperes < BACK_SHARE * valueAt(TOPS_A, range - 1) ? needed : range;
}

/** The count that the host's own sum turns into these amperes: GS x² + GI x + S V + I0 − A / UG = 0. */
function countOf(amperes: number, range: number, vdd: number): number {
  const { R, GS, GI, O, S, I, UG } = valueAt(UNIT, range);
  const gs = Number.isNaN(GS) ? DEFAULT_GS : GS;
  const rest = S * vdd + I - amperes / UG;
  const x = (Math.sqrt(Math.max(0, GI * GI - 4 * gs * rest)) - GI) / (2 * gs);
  return ((x * R) / VOLTS_A_STEP + O) / 4;
}

function metadata(mode: number, mV: number): string {
  const shown = (value: number): string => (Number.isNaN(value) ? "-nan" : String(value));
  const lines = FIGURES.flatMap((f) => UNIT.map((own, range) => `${f}${range}: ${shown(own[f])}`));
  const about = [`VDD: ${mV}`, "HW: 9173", `mode: ${mode}`, "IA: 59"];
  return ["Calibrated: 1", ...lines, ...about, "END"].map((line) => `${line}\n`).join("");
}
