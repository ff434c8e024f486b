// Exchanges kept in columns come back as they were, over many blocks and at the ends of their range.

import { expect, test } from "@jest/globals";
import { ExchangeTable } from "../../align/exchange-table.ts";
import { decodeExchange, encodeExchange } from "../../capture/wire.ts";
import type { ClockExchange } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";

const exchange = (i: bigint, stream = "main"): ClockExchange => ({
  stream,
  sent: instant<"host">(i),
  deviceReceived: 3n * i,
  deviceSent: 3n * i + 1n,
  received: instant<"host">(i + 5n),
});

test("what was added comes back in its order, as often as asked", () => {
  const all = [
    ...Array.from({ length: 10_000 }, (_, i) => exchange(BigInt(i), i % 3 === 0 ? "gpu" : "main")),
    { ...exchange(7n), deviceReceived: 2n ** 63n, deviceSent: 2n ** 64n - 1n },
    {
      ...exchange(7n),
      sent: instant<"host">(-(2n ** 63n)),
      received: instant<"host">(2n ** 63n - 1n),
    },
  ];
  const table = new ExchangeTable();
  for (const e of all) table.add(e);
  expect(table.count).toBe(all.length);
  expect([...table]).toEqual(all);
  expect([...table]).toEqual(all);
});

test.each([
  ["received before it was sent", { ...exchange(9n), received: instant<"host">(8n) }],
  ["a device's stamp below zero", { ...exchange(9n), deviceSent: -1n }],
])("no exchange: %s", (_, e) => {
  expect(decodeExchange("main", encodeExchange(exchange(9n)))).toEqual(exchange(9n));
  expect(decodeExchange("main", encodeExchange(e))).toBeUndefined();
});
