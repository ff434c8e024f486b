// The rig as the rest of the program sees it: SI numbers, no text to parse. rigs/load.ts makes it
// from YAML; the capture log carries it as JSON, so a run can be redone without the rig file.

/**
 * A linear sensor: value = (count − zeroCount) · perCount, in V, A or W.
 * Standard uncertainties are type B from the calibration record (GUM 4.3).
 */
export interface Sensor {
  /** Field of the row layout it reads. */
  readonly field: string;
  readonly perCount: number;
  readonly zeroCount: number;
  /** Relative standard uncertainty of the gain. */
  readonly gainU: number;
  /** Standard uncertainty of the offset, in the sensor's unit. */
  readonly offsetU: number;
  /** −3 dB bandwidth of sensor and front end; faster sampling is oversampling. */
  readonly bandwidthHz?: number;
  /** Counts at which the converter saturates: values at or beyond are flagged as clipped. */
  readonly clip?: readonly [number, number];
  /** How far the gain may wander within a run, relative standard uncertainty. */
  readonly driftU?: number;
  /** As stated; absent: as a run shows it. */
  readonly noise?: SensorNoise;
  /** How long after its row's time it is sampled, s, less than a row; absent: with it. */
  readonly skewS?: number;
  /** Of the converter: taken off each code before the line is applied. */
  readonly codeErrors?: CodeErrors;
  readonly calibration: Calibration;
  /** Set by align where a reference has corrected the line; gain and offset above are then the reference's. */
  readonly disciplined?: Disciplined;
}

/** Noise of a sensor, in its unit. */
export interface SensorNoise {
  /** Of one row, white: it averages. */
  readonly rms: number;
  /** Allan deviation that no averaging gets below (1/f noise); 0 where there is none. */
  readonly floor: number;
}

/** How far a converter's codes lie from a straight line, counts (wide codes: erratum RP2040-E11). */
export interface CodeErrors {
  /** Code and its error, rising codes; straight lines between, level beyond; empty: only `u` is known. */
  readonly table: readonly (readonly [code: number, error: number])[];
  /** Standard uncertainty of what is left, counts. */
  readonly u: number;
}

/** A code with its error taken off. */
export function trueCount(table: CodeErrors["table"], code: number): number {
  const next = table.findIndex(([c]) => c >= code);
  if (next === 0) return code - table[0]![1];
  const [low, high] = [table[(next < 0 ? table.length : next) - 1], table[next]];
  if (!low) return code;
  if (!high) return code - low[1];
  return code - (low[1] + ((code - low[0]) / (high[0] - low[0])) * (high[1] - low[1]));
}

/**
 * What a fit to a reference leaves open, standard uncertainties: value − truth is level + slope · (value − pivot),
 * level and slope independent, and a drift that is taken as uniform over the run.
 */
export interface Disciplined {
  /** In the sensor's unit. */
  readonly pivot: number;
  readonly levelU: number;
  /** Relative. */
  readonly slopeU: number;
  readonly driftU: number;
}

/**
 * A slow accurate meter on the same conductor, read into a stream of its own. Its sensors read the fields of
 * that stream; they correct the rail's fast ones (align/reference/discipline.ts).
 */
export interface Reference {
  readonly kind: "ina226";
  /** On the I²C bus of the DAQ. */
  readonly address: number;
  readonly stream: string;
  readonly current?: Sensor;
  readonly voltage?: Sensor;
}

export interface Calibration {
  readonly date: string;
  /** `assumed` figures make every comparison say so. */
  readonly basis: "certificate" | "comparison" | "specification" | "assumed";
  readonly instrument?: string;
  readonly note?: string;
}

export const QUANTITIES = ["voltage", "current", "power"] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** An error that several sensors have together: of one reference, one instrument, one calibration. */
export interface SharedError {
  readonly cause: string;
  readonly of: "gain" | "offset";
  readonly sensors: readonly { readonly rail: string; readonly quantity: Quantity }[];
  /** Standard uncertainty, relative or in the sensors' unit, part of what each states; absent: all of that. */
  readonly u?: number;
}

/** One supply path. Power is its own sensor where the device reports watts; else V·I. */
export interface Rail {
  readonly name: string;
  readonly voltage?: Sensor;
  readonly current?: Sensor;
  readonly power?: Sensor;
  /** A voltage that nobody measures, taken as constant. */
  readonly assumedVoltage?: { readonly valueV: number; readonly u: number };
  readonly reference?: Reference;
  /** What its values may be, V, A, W; absent: what any rail may carry. Rows with others are left out. */
  readonly plausible?: Readonly<Partial<Record<Quantity, readonly [number, number]>>>;
  /** GPUs that draw from it, by UUID or index; absent: the only one there is. */
  readonly feeds?: readonly string[];
}

/** The DAQ's clock as a prior: align weighs it against the edges it finds. */
export interface DeviceClock {
  /** Ticks per second of the row's counter, or rows per second where rows are timed by index. */
  readonly hz: number;
  /** Relative standard uncertainty of `hz`. */
  readonly uRel: number;
  /** How far the first row may lie from the host's stamp of the stream's start, standard uncertainty, seconds. */
  readonly startU: number;
}

/** Rates that a serial line can be set to (termios(3)), bits per second. */
export const BAUD_RATES = [
  9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 921600, 1000000, 1500000, 2000000,
  3000000,
] as const;

/** A device that prints one line a row: `12.01,3.4` or `{"v":12.01,"i":3.4}`. */
export interface TextFormat {
  readonly lines: "csv" | "json";
  /** Fields of the row: by position (csv, separated by comma, semicolon, tab or space) or by key (json). */
  readonly columns: readonly string[];
  /** The column that is the device's own counter of `bits` bits; else rows are timed by their index. */
  readonly tick?: { readonly column: string; readonly bits: 32 | 64 };
  readonly baud: number;
}

/** The line that the host drives and the DAQ samples: it ties their clocks together (docs/gpio.md). */
export interface TriggerLine {
  /** As docs/gpio.md names lines: `CHIP/LINE`, `/dev/tty…/rts`; `virtual` on the virtual bench. */
  readonly output: string;
  /** Trigger input of the DAQ that it is wired to, 0 to 3. */
  readonly daqLine: number;
}

export interface Rig {
  readonly name: string;
  readonly description: string;
  readonly device: {
    readonly kind: string;
    readonly stream: string;
    /** `instant`: a row is the value at its time (trapezoid). `interval_mean`: the mean from its time to the next row's (rectangle). */
    readonly sampling: "instant" | "interval_mean";
    /** Nominal rows per second; a distance beyond 2.5 periods is a gap. */
    readonly rowHz: number;
    readonly clock: DeviceClock;
    /** For devices that print lines. */
    readonly text?: TextFormat;
    /** The device feeds its rail itself, with so many volts; absent: it only measures. */
    readonly feedsV?: number;
  };
  readonly rails: readonly Rail[];
  /** Supply paths that exist but carry no sensor: their bound enters the budget. */
  readonly missingRails: readonly { readonly name: string; readonly maxPowerW: number }[];
  readonly shared?: readonly SharedError[];
  /** The load's power changes no faster than this, Hz. */
  readonly loadBandwidthHz?: number;
  /** 10–90 % step response of the physical path; shorter events are flagged. */
  readonly stepResponseS?: number;
  readonly trigger?: TriggerLine;
}

/** What rails without a sensor may draw together, W. */
export const mostUnmeasuredW = ({ missingRails }: Pick<Rig, "missingRails">): number =>
  missingRails.reduce((sum, m) => sum + m.maxPowerW, 0);

/** The sensor that follows a rail's load: of its power, else of its current. */
export const loadSensor = (rail: Rail): Sensor | undefined => rail.power ?? rail.current;

/**
 * A sensor that moves by no more rests: by the doubt of its zero, or by five codes. In its unit.
 * @param codeStep what its line sees between two codes; 0 for numbers.
 */
export const restsWithin = ({ offsetU, perCount }: Sensor, codeStep = 1): number =>
  Math.max(offsetU, 5 * Math.abs(perCount) * codeStep);

export const loadSensors = ({ rails }: Pick<Rig, "rails">): Sensor[] =>
  rails.flatMap((r) => loadSensor(r) ?? []);

/** How a rig's device prints its lines. @throws RangeError of one that prints none: a fault of the program. */
export function textFormatOf({ name, device }: Rig): TextFormat {
  if (!device.text) throw new RangeError(`rig ${name}: its device prints no lines`);
  return device.text;
}
