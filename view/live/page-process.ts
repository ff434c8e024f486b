// The live page as a process of its own, beside the recorder. In: stdin, page-protocol.ts. Out: one line of
// JSON with the address on stdout, then the page. Holds: it shares nothing with the recorder but that pipe,
// so no connection, request or fault here can reach it; when the pipe ends, so does this.

import { LiveFeed } from "../feed/live-feed.ts";
import { LiveHub } from "./live-hub.ts";
import { livePage } from "./live-page.ts";
import { FrameReader, type PageMessage } from "./page-protocol.ts";
import { type LocalServer, serveLocally } from "./server.ts";

const TICK_MS = 50;
/** For pages to hear the end. */
const FAREWELL_MS = 200;

let feed: LiveFeed | null = null;
let hub: LiveHub | null = null;
let server: LocalServer | null = null;
let over = false;

async function begin(m: Extract<PageMessage, { kind: "hello" }>): Promise<void> {
  const shown = (feed = new LiveFeed(m.rig, m.session));
  const pages = (hub = new LiveHub(shown, m.run));
  server = await serveLocally({
    pages: { "/": livePage() },
    onSocket: (socket) => pages.attach(socket),
  });
  setInterval(() => over || pages.tick(), TICK_MS);
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
}

function take(m: PageMessage): void {
  if (over) return;
  if (m.kind === "hello") return void begin(m).catch(fail);
  if (!feed || !hub) throw new Error(`${m.kind} before hello`);
  switch (m.kind) {
    case "device":
      return feed.device(Buffer.from(m.said));
    case "layout":
      return feed.declareRows(m.layout);
    case "channels":
      return feed.declareTelemetry(m.channels, m.grids);
    case "rows":
      return feed.rows(m.block);
    case "reads":
      return feed.reads(m.batch);
    case "edge":
      return feed.edge(m.edge);
    case "exchange":
      return feed.exchange(m.exchange);
    case "mark":
      return feed.mark(m.mark);
    case "note":
      return feed.note(m.note);
    case "figures":
      return hub.figures(m.figures);
    case "end":
      return end(m.text);
  }
}

function end(text: string): void {
  if (over) return;
  over = true;
  hub?.end(text);
  setTimeout(() => {
    void server?.close();
    process.exit(0);
  }, FAREWELL_MS);
}

/** The recorder hears of it by this process's end; whoever looks, by the page. */
function fail(error: unknown): void {
  if (over) return;
  over = true;
  const text = (error as Error).message;
  hub?.stop(`the live page was switched off: ${text}`);
  process.stderr.write(`${text}\n`);
  setTimeout(() => process.exit(1), FAREWELL_MS);
}

const frames = new FrameReader();
process.stdin
  .on("data", (bytes: Buffer) => {
    try {
      for (const m of frames.push(bytes)) take(m);
    } catch (error) {
      fail(error);
    }
  })
  .on("end", () => end("the recorder is gone"))
  .on("error", () => end("the recorder is gone"));
process.on("uncaughtException", fail);
