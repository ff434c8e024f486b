// What the world does to the board's pins. In: instants, ns since the board's power-up. Out: converter
// counts, trigger edges, sensor means. The bench model is one (bench-pins.ts), a test's formula another.

export interface Pins {
  /** Counts at converter input 0 to 3 (GPIO 26 to 29) at an instant; asked in rising order per input. */
  adc(input: number, tNs: number): number;
  /** Changes of the trigger line (GPIO 15), ascending; it is low before the first. */
  readonly edgesNs: ArrayLike<number>;
  /** INA226 chips on the bus. */
  readonly sensors: readonly SensorPins[];
}

export interface SensorPins {
  /** 0x40, 0x41, 0x44 or 0x45. */
  readonly address: number;
  /** True length of a conversion over the nominal (INA226: up to ±10 %, SBOS547, electrical characteristics). */
  readonly slowness: number;
  /** Its alert output goes to the common line; left out: it does. */
  readonly alerts?: boolean;
  /** Mean volts across the shunt, and on the bus, between two instants. */
  mean(fromNs: number, toNs: number): { shuntV: number; busV: number };
}
