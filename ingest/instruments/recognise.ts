// Who is at a port? Each kind of instrument is asked in its own tongue until one answers. USB ids only spare
// strangers the questions that cannot be theirs; nobody is known by an id.

import { SourceError } from "../../schema/errors.ts";
import { type OpenPort, WHO_ANSWERS } from "../ports/port.ts";
import type { PortInfo } from "../ports/port-list.ts";
import { INSTRUMENTS } from "./instruments.ts";
import { type InstrumentKind, type Recognised, SEARCH_PATIENCE_MS } from "./kind.ts";

/** A port and who answered there, or why nobody did, in one line. */
export type Finding =
  | { readonly port: PortInfo; readonly device: Recognised }
  | { readonly port: PortInfo; readonly problem: string };

/** Whether there is any sense in asking there. */
export function couldAnswer({ usb }: InstrumentKind, { vendorId, productId }: PortInfo): boolean {
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
      const openAt = (baud?: number): OpenPort =>
        open(port.path, baud === undefined ? {} : { baud });
      for (const { ask } of kindsFor(port))
        try {
          const device = await ask?.(openAt, SEARCH_PATIENCE_MS);
          if (device) return { port, device };
        } catch (error) {
          if (!(error instanceof SourceError)) throw error;
          problem ??= error.message.replace(`; ${WHO_ANSWERS}`, ""); // that is asked here
        }
      return { port, problem: problem! };
    }),
  );
}

/** Those for an id of its own come first: at another rate a hello is noise, and noise may be a command. */
function kindsFor(port: PortInfo): readonly InstrumentKind[] {
  const fitting = INSTRUMENTS.filter((i) => couldAnswer(i, port));
  if (port.vendorId === undefined) return fitting;
  return fitting.sort((a, b) => Number(a.usb === null) - Number(b.usb === null));
}
