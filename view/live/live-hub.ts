// The feed → every page that looks: all of what is held when it opens, then what is new, 20 times a
// second. Holds: nothing is computed or sent while nobody looks; a page that reads too slowly is cut off
// and comes again.

import type { WebSocket } from "ws";
import type { LiveFeed } from "../feed/live-feed.ts";
import * as make from "./messages.ts";

/** Of a page that reads no more; about a minute of data. */
const MAX_WAITING_BYTES = 16 << 20;
/** `state` is for eyes: every fifth tick, four times a second. */
const STATE_TICKS = 5;
const WINDOWS_TICKS = 20;

export class LiveHub {
  readonly #feed: LiveFeed;
  readonly #run: string;
  readonly #pages = new Set<WebSocket>();
  #sentBuckets: number[] = [];
  #sentReads: number[] = [];
  #sent = { shapes: 0, notes: 0 };
  #sentWindows = 0;
  #ticks = 0;
  #figures: make.RecorderFigures | null = null;

  /** @param run what to call the run on the page. */
  constructor(feed: LiveFeed, run: string) {
    this.#feed = feed;
    this.#run = run;
  }

  get pages(): number {
    return this.#pages.size;
  }

  attach(page: WebSocket): void {
    this.#news();
    this.#pages.add(page);
    page.once("close", () => this.#pages.delete(page));
    this.#everything(page);
  }

  figures(figures: make.RecorderFigures): void {
    this.#figures = figures;
  }

  /** Sends what is new. */
  tick(): void {
    const feed = this.#feed;
    feed.settle(feed.nowNs());
    if (this.#pages.size === 0) return;
    this.#news();
    this.#ticks++;
    if (this.#ticks % STATE_TICKS === 0) this.#send(make.state(feed, this.#figures));
    if (this.#ticks % STATE_TICKS === 1) this.#windows();
  }

  /** Closed windows at once; those still open count up once a second. */
  #windows(): void {
    const news = this.#feed.count.marks + this.#feed.windows.total;
    if (news === this.#sentWindows && this.#ticks % WINDOWS_TICKS !== 1) return;
    this.#sentWindows = news;
    this.#send(make.windows(this.#feed));
  }

  end(text: string): void {
    this.#feed.settle(Infinity);
    if (this.#pages.size === 0) return;
    this.#news();
    this.#send(make.state(this.#feed, this.#figures));
    this.#send(make.windows(this.#feed));
    this.stop(text);
  }

  /** The last that pages hear. */
  stop(text: string): void {
    this.#send(make.end(text));
  }

  /** All that is held, up to where the others are. */
  #everything(page: WebSocket): void {
    const { pyramid, channels } = this.#feed;
    page.send(make.hello(this.#feed, this.#run));
    if (pyramid)
      for (const [level, to] of this.#sentBuckets.entries()) {
        const from = pyramid.held(level);
        if (to > from) page.send(make.buckets(this.#feed, pyramid, { level, from, to }));
      }
    const upToNow = channels.map(() => 0);
    const reads = make.reads(channels, upToNow);
    if (reads) page.send(reads);
    page.send(make.notes(this.#feed, this.#feed.notes.length));
    page.send(make.state(this.#feed, this.#figures));
    page.send(make.windows(this.#feed));
  }

  /** To every page what came since the last call; all of it anew where streams or channels changed. */
  #news(): void {
    const { pyramid, channels, count } = this.#feed;
    const anew = count.shapes !== this.#sent.shapes;
    if (anew) [this.#sentBuckets, this.#sentReads] = [[], channels.map((c) => c.count)];
    for (let level = 0; pyramid && level < pyramid.levels; level++) {
      const to = pyramid.complete(level);
      const from = Math.max(pyramid.held(level), this.#sentBuckets[level] ?? 0);
      if (to > from && !anew) this.#send(make.buckets(this.#feed, pyramid, { level, from, to }));
      this.#sentBuckets[level] = to;
    }
    const reads = make.reads(channels, this.#sentReads);
    if (reads) this.#send(reads);
    const notes = count.notes - this.#sent.notes;
    if (notes > 0 && !anew) this.#send(make.notes(this.#feed, notes));
    this.#sent = { shapes: count.shapes, notes: count.notes };
    if (anew) for (const page of this.#pages) this.#everything(page);
  }

  #send(message: string | ArrayBuffer): void {
    for (const page of this.#pages)
      if (page.bufferedAmount > MAX_WAITING_BYTES) page.terminate();
      else page.send(message);
  }
}
