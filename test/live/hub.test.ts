// Server and page together, without a browser: what a page holds that looked from the beginning, and one
// that came late, is what was recorded; and a page that reads no more is cut off.

import { describe, expect, test } from "@jest/globals";
import { EventEmitter } from "node:events";
import type { WebSocket } from "ws";
import type { TelemetryChannel } from "../../schema/records.ts";
import { LiveFeed } from "../../view/feed/live-feed.ts";
import type { LiveMessage } from "../../view/live-data.ts";
import { LiveHub } from "../../view/live/live-hub.ts";
import type { Columns } from "../../view/page/columns.ts";
import { lately, levelFor, storeColumns } from "../../view/page/live/store-columns.ts";
import { createStore, type Store, takeBinary } from "../../view/page/live/store.ts";
import { block, EPOCH, fedWith, LAYOUT, powerW, RIG, ROW_HZ, session } from "./small-bench.ts";

/** A page as the server sees it, and what its script makes of the messages. */
class Looker extends EventEmitter {
  store: Store | null = null;
  readonly texts: LiveMessage[] = [];
  bufferedAmount = 0;
  terminated = false;

  send(message: string | ArrayBuffer): void {
    if (typeof message !== "string") return void takeBinary(this.store!, message);
    const m = JSON.parse(message) as LiveMessage;
    this.texts.push(m);
    if (m.type === "hello") this.store = createStore(m);
  }

  terminate(): void {
    this.terminated = true;
    this.emit("close");
  }

  last<Type extends LiveMessage["type"]>(type: Type): Extract<LiveMessage, { type: Type }> {
    const isIt = (m: LiveMessage): m is Extract<LiveMessage, { type: Type }> => m.type === type;
    return this.texts.findLast(isIt)!;
  }
}

function look(hub: LiveHub): Looker {
  const looker = new Looker();
  hub.attach(looker as unknown as WebSocket);
  return looker;
}

/** Of the total. */
const columnsOf = (store: Store, from: number, to: number, n: number): Columns =>
  storeColumns(store, 0, { from, to, n });

const CHANNELS: TelemetryChannel[] = [
  { name: "nvml.power_usage", quantity: "power", unit: "W" },
  { name: "nvml.temperature", quantity: "temperature", unit: "degC" },
];

function read(feed: LiveFeed, tS: number, value: number, channel = 0): void {
  const at = BigInt64Array.of(EPOCH + BigInt(Math.round(tS * 1e9)));
  const columns = { count: 1, before: at, after: at, stamp: BigInt64Array.of(-1n) };
  feed.reads({ ...columns, value: Float64Array.of(value), channel: Uint16Array.of(channel) });
}

describe("a page that looks", () => {
  test("from the beginning or late, it holds every bucket and read once", () => {
    const feed = new LiveFeed(RIG, session());
    const hub = new LiveHub(feed, "run");
    const early = look(hub);
    feed.declareTelemetry(CHANNELS, []);
    feed.declareRows(LAYOUT);
    let late: Looker | undefined;
    for (let i = 0; i < 12 * ROW_HZ; i += 250) {
      if (i >= 40_000 && i < 44_000) continue; // a hole
      feed.rows(block(i, 250));
      read(feed, i / ROW_HZ, i === 50_000 ? NaN : i);
      if (i % 1000 === 0) hub.tick();
      if (i === 70_250) late = look(hub); // between two ticks
    }
    hub.tick();
    for (const { store } of [early, late!]) {
      // 0 to 10 s in 10 ms columns: every bucket against the known power.
      const total = columnsOf(store!, store!.row0, store!.row0 + 10, 1000);
      for (let c = 0; c < 1000; c++) {
        const t = c / 100;
        const inHole = t >= 4 && t < 4.4;
        expect(total.mean[c]).toBe(inHole ? null : Math.fround(powerW(t + 0.005)));
        expect(total.max[c]).toBe(inHole ? null : Math.fround(powerW(t + 0.005)));
      }
      const [usage, temperature] = store!.reads;
      expect(usage!.t).toHaveLength(480 - 16);
      expect([...usage!.t].every((t, i) => i === 0 || t > usage!.t[i - 1]!)).toBe(true);
      expect(usage!.failed).toEqual([5]);
      expect(temperature!.t).toHaveLength(0);
    }
    expect(early.last("state").gaps).toHaveLength(1);
  });

  test("every span is drawn from a level that is fine enough and reaches back", () => {
    const feed = fedWith(30 * ROW_HZ, 1000);
    const { store } = look(new LiveHub(feed, "run"));
    const end = store!.row0 + 30;
    for (const [span, columns, level] of [
      [2, 1000, 0], // 2 ms columns of 1 ms buckets
      [10, 1000, 1],
      [20, 100, 3],
    ] as const) {
      expect(levelFor(store!, end - span, span / columns)).toBe(level);
      const { mean, max } = columnsOf(store!, end - span, end - span / 10, columns);
      expect(mean.every((v) => v !== null)).toBe(true);
      expect(Math.max(...(max as number[]))).toBeCloseTo(powerW(0.1), 3);
    }
    // The finest level holds 8.2 s only: a narrow view further back falls back to a coarser one.
    expect(levelFor(store!, end - 25, 0.001)).toBe(1);
    expect(columnsOf(store!, end - 25, end - 24.9, 50).mean).not.toContain(null);
    store!.now = end + 0.1;
    expect(lately(store!, 0, 1).mean).toBeCloseTo((powerW(0.1) + powerW(0.6)) / 2, 0);
    store!.now = end + 3; // the DAQ is gone
    expect(lately(store!, 0, 1)).toEqual({ mean: NaN, max: NaN });
  });

  test("a span that begins before the first row is drawn as finely as any", () => {
    const { store } = look(new LiveHub(fedWith(3 * ROW_HZ, 1000), "run"));
    expect(levelFor(store!, store!.row0 - 0.1, 0.01)).toBe(1);
    expect(levelFor(store!, store!.row0 - 7, 0.002)).toBe(0);
  });

  test("a stream that changes its shape makes it start again", () => {
    const feed = fedWith(1000);
    const hub = new LiveHub(feed, "run");
    const looker = look(hub);
    feed.declareTelemetry(CHANNELS, []);
    hub.tick();
    expect(looker.texts.filter((m) => m.type === "hello")).toHaveLength(2);
    expect(looker.store!.reads.map((c) => c.name)).toEqual(CHANNELS.map((c) => c.name));
    expect(columnsOf(looker.store!, 0.001, 0.09, 10).mean).not.toContain(null);
  });

  test("hears of losses once, and of all of them when it comes late", () => {
    const feed = fedWith(1000);
    const hub = new LiveHub(feed, "run");
    const looker = look(hub);
    feed.note({ level: "info", text: "nothing to see" });
    feed.note({ level: "loss", text: "3 frames lost" });
    hub.tick();
    hub.tick();
    const heard = (l: Looker): unknown[] =>
      l.texts.flatMap((m) => (m.type === "notes" ? m.list : []));
    expect(heard(looker)).toEqual([{ level: "loss", text: "3 frames lost", t_s: null }]);
    expect(heard(look(hub))).toHaveLength(1);
  });

  test("that reads no more is cut off, the others go on", () => {
    const feed = fedWith(1000);
    const hub = new LiveHub(feed, "run");
    const [stuck, well] = [look(hub), look(hub)];
    stuck.bufferedAmount = 17 << 20;
    feed.rows(block(1000, 250));
    hub.tick();
    expect([stuck.terminated, well.terminated, hub.pages]).toEqual([true, false, 1]);
  });

  test("hears how it ended, with the windows that the end closed", () => {
    const feed = fedWith(20_000);
    const hub = new LiveHub(feed, "run");
    const looker = look(hub);
    for (const [phase, t] of [
      ["begin", 500_000_000n],
      ["end", 1_999_999_000n], // the samples end before they catch up
    ] as const)
      feed.mark({ name: "command", phase, clock: "host", t: EPOCH + t });
    hub.end("over");
    expect(looker.last("end").text).toBe("over");
    expect(looker.last("windows").closed.length).toBe(1);
  });
});
