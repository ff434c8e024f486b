// Control transfers as a Linux host makes them, step by step (USB 2.0, 8.5.3, 9.4; CDC PSTN 1.2, 6.3).
// Each is a generator of bus steps; what it returns is what the device did wrong, or nothing.

import { append } from "../../schema/lists.ts";
import { valueAt } from "../../stats/places.ts";

export type ControlStep =
  | { readonly kind: "wait"; readonly ns: number }
  | { readonly kind: "reset" }
  | { readonly kind: "setup"; readonly bytes: Uint8Array }
  | { readonly kind: "in"; readonly toggle: number }
  | { readonly kind: "out"; readonly bytes: Uint8Array; readonly toggle: number };

type Outcome = Uint8Array | "stall" | null;
export type ControlTransfer = Generator<ControlStep, string | undefined, Outcome>;
type Part<T> = Generator<ControlStep, T, Outcome>;

const NOTHING = new Uint8Array(0);

/** What a transfer asks for (USB 2.0, 9.3); value and index are 0 where a request has none. */
interface Request {
  readonly type: number;
  readonly code: number;
  readonly value?: number;
  readonly index?: number;
}

function setup({ type, code, value = 0, index = 0 }: Request, length: number): ControlStep {
  const bytes = new Uint8Array(8);
  bytes.set([type, code]);
  const words = new DataView(bytes.buffer);
  for (const [i, word] of [value, index, length].entries()) words.setUint16(2 + 2 * i, word, true);
  return { kind: "setup", bytes };
}

/** A transfer with data from the device. */
function* read(request: Request, length: number): Part<Uint8Array | "stall"> {
  yield setup(request, length);
  const got: number[] = [];
  for (let toggle = 1; got.length < length; toggle ^= 1) {
    const packet = yield { kind: "in", toggle };
    if (packet === "stall" || packet === null) return "stall";
    append(got, packet);
    if (packet.length < 64) break;
  }
  yield { kind: "out", bytes: NOTHING, toggle: 1 };
  return Uint8Array.from(got);
}

/** A transfer with data to the device, or none. */
function* write(request: Request, data = NOTHING): Part<boolean> {
  yield setup(request, data.length);
  if (data.length > 0 && (yield { kind: "out", bytes: data, toggle: 1 }) === "stall") return false;
  const status = yield { kind: "in", toggle: 1 };
  return status !== "stall" && status?.length === 0;
}

const [DEVICE, CONFIGURATION, STRING, QUALIFIER] = [1, 2, 3, 6];
const ENGLISH = 0x409;
const ADDRESS = 7;

function* descriptor(
  kind: number,
  index: number,
  n: number,
  language = 0,
): Part<Uint8Array | "stall"> {
  return yield* read({ type: 0x80, code: 6, value: (kind << 8) | index, index: language }, n);
}

/** Two resets, an address, every descriptor, a configuration, line coding, DTR and RTS. */
export function* enumerate(found: Map<string, Uint8Array>): ControlTransfer {
  yield { kind: "wait", ns: 100e6 }; // debounce (USB 2.0, 7.1.7.3)
  yield { kind: "reset" };
  const first = yield* descriptor(DEVICE, 0, 64);
  if (first === "stall" || first.length < 8) return "no device descriptor";
  yield { kind: "reset" };
  if (!(yield* write({ type: 0, code: 5, value: ADDRESS }))) return "SET_ADDRESS refused";
  yield { kind: "wait", ns: 10e6 };
  const device = yield* descriptor(DEVICE, 0, 18);
  if (device === "stall" || device.length !== 18) return "device descriptor is not 18 bytes";
  found.set("device", device);
  if ((yield* descriptor(QUALIFIER, 0, 10)) !== "stall")
    return "a full-speed device has no qualifier";
  const head = yield* descriptor(CONFIGURATION, 0, 9);
  if (head === "stall" || head.length !== 9)
    return "configuration descriptor cannot be read in part";
  const total = new DataView(head.buffer).getUint16(2, true);
  const whole = yield* descriptor(CONFIGURATION, 0, total);
  if (whole === "stall" || whole.length !== total)
    return "configuration descriptor is not its length";
  found.set("configuration", whole);
  for (const index of [0, ...device.subarray(14, 17)]) {
    const text = yield* descriptor(STRING, index, 255, index === 0 ? 0 : ENGLISH);
    if (text === "stall" || text[0] !== text.length) return `string ${index} is not its length`;
    found.set(`string ${index}`, text);
  }
  if (!(yield* write({ type: 0, code: 9, value: valueAt(whole, 5) })))
    return "SET_CONFIGURATION refused";
  const coding = Uint8Array.of(0x00, 0x10, 0x0e, 0x00, 0, 0, 8); // 921,600 8N1
  if (!(yield* write({ type: 0x21, code: 0x20 }, coding))) return "SET_LINE_CODING refused";
  const back = yield* read({ type: 0xa1, code: 0x21 }, 7);
  if (back === "stall" || back.join() !== coding.join())
    return "GET_LINE_CODING is not what was set";
  return (yield* write({ type: 0x21, code: 0x22, value: 3 }))
    ? undefined
    : "SET_CONTROL_LINE_STATE refused";
}

/** Raises or drops DTR and RTS. */
export function* lineState(on: boolean): ControlTransfer {
  return (yield* write({ type: 0x21, code: 0x22, value: on ? 3 : 0 }))
    ? undefined
    : "SET_CONTROL_LINE_STATE refused";
}

/** A request that the device does not know must stall, and the next one must work again. */
export function* unknownRequest(): ControlTransfer {
  if ((yield* read({ type: 0xc0, code: 0x77 }, 4)) !== "stall")
    return "a vendor request was answered";
  if (yield* write({ type: 0x40, code: 0x77 })) return "a vendor command was taken";
  const status = yield* read({ type: 0x80, code: 0 }, 2);
  return status !== "stall" && status.length === 2 ? undefined : "GET_STATUS after a stall failed";
}

/** The data interface's only setting chosen again: its endpoints begin at DATA0 (USB 2.0, 9.1.1.5). */
export function* setInterface(): ControlTransfer {
  return (yield* write({ type: 0x01, code: 11, index: 1 })) ? undefined : "SET_INTERFACE refused";
}

/** Both data endpoints halted and cleared: their toggles begin at DATA0 again. */
export function* haltAndClear(endpoint: number): ControlTransfer {
  if (!(yield* write({ type: 0x02, code: 3, index: endpoint }))) return "SET_FEATURE(HALT) refused";
  const halted = yield* read({ type: 0x82, code: 0, index: endpoint }, 2);
  if (halted === "stall" || halted[0] !== 1) return "a halted endpoint does not say so";
  if (!(yield* write({ type: 0x02, code: 1, index: endpoint })))
    return "CLEAR_FEATURE(HALT) refused";
  const clear = yield* read({ type: 0x82, code: 0, index: endpoint }, 2);
  return clear !== "stall" && clear[0] === 0 ? undefined : "a cleared endpoint says it is halted";
}
