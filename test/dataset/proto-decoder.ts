// A reader of the protobuf wire format, by the specification alone (protobuf.dev/programming-guides/encoding).

type Field = bigint | Uint8Array;

export class Decoded {
  readonly #fields: ReadonlyMap<number, Field[]>;

  constructor(fields: ReadonlyMap<number, Field[]>) {
    this.#fields = fields;
  }

  uints(field: number): bigint[] {
    return (this.#fields.get(field) ?? []) as bigint[];
  }

  uint(field: number): bigint | undefined {
    return this.uints(field)[0];
  }

  messages(field: number): Decoded[] {
    return ((this.#fields.get(field) ?? []) as Uint8Array[]).map(decode);
  }

  message(field: number): Decoded | undefined {
    return this.messages(field)[0];
  }

  text(field: number): string | undefined {
    const bytes = this.#fields.get(field)?.[0] as Uint8Array | undefined;
    return bytes && new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  }

  double(field: number): number | undefined {
    const bytes = this.#fields.get(field)?.[0] as Uint8Array | undefined;
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }
}

/** @throws Error when the bytes are no whole message. */
export function decode(bytes: Uint8Array): Decoded {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new Error("a varint without end");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (n: number): Uint8Array => {
    if (at + n > bytes.length) throw new Error("a field longer than its message");
    return bytes.subarray(at, (at += n));
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    if (wire > 2) throw new Error(`wire type ${wire}`);
    const value = wire === 0 ? varint() : take(wire === 1 ? 8 : Number(varint()));
    const list = fields.get(key >> 3) ?? [];
    fields.set(key >> 3, list);
    list.push(value);
  }
  return new Decoded(fields);
}
