// Bytes of a row on the line, of the devices whose rows have no other frame than that they follow one another.

import { FRAME_BYTES } from "../ingest/instruments/pmd-usb/frame.ts";
import { SET_BYTES } from "../ingest/instruments/powersensor3/sets.ts";
import { WORD_BYTES } from "../ingest/instruments/ppk2/words.ts";

const UNITS = { powersensor3: SET_BYTES, "pmd-usb": FRAME_BYTES, ppk2: WORD_BYTES };
export const UNIT: Readonly<Partial<Record<string, number>>> & typeof UNITS = UNITS;
