// How board power divides into rails, and each rail's voltage under load. In: board watts.
// Out: volts and amperes at the sense point. Holds: the 12 V rails' powers sum to the board's exactly, and
// V·I is a rail's power exactly, so the truth is the board's energy. The slot's 3.3 V comes on top.

/** Bound once: used per sample, and sandboxes (Jest) make every look-up of a global slow. */
const { sqrt } = Math;

/** One supply path: P = baseW + share · board; V = emfV − I · ohm (supply, cable, connector). */
export interface Supply {
  readonly name: string;
  readonly baseW: number;
  readonly share: number;
  readonly emfV: number;
  readonly ohm: number;
}

/**
 * The slot gives 12 % of the board's power and 7 W more (at 450 W: 61 W of the 66 W that PCIe CEM allows). Its
 * 3.3 V feeds what little still runs on it: 17 mA asleep, 36 mA ready, 167 mA at 450 W.
 */
export const SUPPLIES: readonly Supply[] = [
  { name: "slot_12v", baseW: 7, share: 0.12, emfV: 12.08, ohm: 8e-3 },
  { name: "hpwr_12v", baseW: -7, share: 0.88, emfV: 12.16, ohm: 2.5e-3 },
  { name: "slot_3v3", baseW: 0.01, share: 1.2e-3, emfV: 3.31, ohm: 20e-3 },
];

export const railW = (s: Supply, boardW: number): number => s.baseW + s.share * boardW;

/** The stable root of V² − emf·V + P·ohm = 0. */
export function railV(s: Supply, watts: number): number {
  return (s.emfV + sqrt(s.emfV * s.emfV - 4 * watts * s.ohm)) / 2;
}
