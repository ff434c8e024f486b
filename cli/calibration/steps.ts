// What flags and answers say of a calibration → its steps. A step names the run it rests on, or none where
// one is to be recorded.

import { type Quantity, QUANTITIES } from "../../schema/documents/calibration.ts";
import { UsageError } from "../../schema/errors.ts";
import { type Dimension, quantity as parse } from "../../schema/units.ts";
import type { OptionValues } from "../command.ts";

export interface WantedStep {
  readonly kind: "zero" | "reading" | "reference" | "skew";
  /** null: to be recorded. */
  readonly run: string | null;
  readonly reading?: { readonly rail: string; readonly quantity: Quantity; readonly value: number };
}

const UNITS: Readonly<Record<Quantity, Dimension>> = { voltage: "V", current: "A", power: "W" };
const READING = /^\s*([a-z][a-z0-9_]*)\.([a-z]+)\s*=\s*([^@]+?)\s*(?:@\s*(.+?)\s*)?$/;

/** `RAIL.QUANTITY=VALUE` or `RAIL.QUANTITY=VALUE @ RUN`. @throws UsageError saying what is expected. */
export async function parseReading(text: string): Promise<WantedStep> {
  const [, rail, name, value, run] = READING.exec(text) ?? [];
  const quantity = QUANTITIES.find((q) => q === name);
  if (rail === undefined || value === undefined || quantity === undefined)
    throw new UsageError(
      `reading "${text.trim()}": expected RAIL.voltage=VALUE, RAIL.current=VALUE or RAIL.power=VALUE, such as hpwr_12v.current=20.03 A, and @ RUN where it was recorded`,
    );
  const reading = { rail, quantity, value: await parse(value, UNITS[quantity]) };
  return { kind: "reading", run: run ?? null, reading };
}

/** Steps by flags, in the order of a bench's own work; none where no flag names one. */
export async function stepsByFlags(o: OptionValues): Promise<WantedStep[]> {
  const list = (name: string): string[] => (o[name] as string[] | undefined) ?? [];
  const on = (kind: WantedStep["kind"]): WantedStep[] => list(kind).map((run) => ({ kind, run }));
  const readings = await Promise.all(list("reading").map(parseReading));
  return [...on("zero"), ...readings, ...on("reference"), ...on("skew")];
}

/** A bench's questions, one line an answer; the end of the input is the end of the answers. */
export async function* stepsByDialogue(
  ask: (question: string) => Promise<string | null>,
): AsyncGenerator<WantedStep> {
  const other = "Enter to record it now, a run's folder to take that, - to skip";
  const single = async function* (
    kind: WantedStep["kind"],
    what: string,
  ): AsyncGenerator<WantedStep> {
    const answer = await ask(`${what} ${other}: `);
    if (answer !== null && answer !== "-") yield { kind, run: answer === "" ? null : answer };
  };
  yield* single("zero", "Zero: let no current flow in any rail.");
  for (;;) {
    const answer = await ask(
      "Reading: set a steady load, read your meter, and type what it says (hpwr_12v.current=20.03 A; with @ RUN for a recorded one). Enter when done: ",
    );
    if (answer === null || answer === "" || answer === "-") break;
    yield await parseReading(answer);
  }
  yield* single("reference", "Reference: a load that moves, where the rig declares references.");
  yield* single("skew", "Skew: a load that switches on and off quickly.");
}
