// A recording → the live page beside it. In: what the recorder's tee sees. Out: an address. Holds: the
// page can fail, the recording cannot: what throws in here is told once and switches the page off.

import type { DaqSink } from "../../ingest/sink.ts";
import type { Mark, Note } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { LiveFeed } from "../../view/live/live-feed.ts";
import { LiveHub } from "../../view/live/live-hub.ts";
import { livePage } from "../../view/live/live-page.ts";
import { serveLocally } from "../../view/live/server.ts";
import type { Bench } from "./bench.ts";
import type { RecordingPlan, RecordingState } from "./recorder.ts";

export interface LiveView {
  /** With its token. */
  readonly url: string;
  readonly tee: NonNullable<RecordingPlan["tee"]>;
  /** Twice a second. */
  state(s: RecordingState): void;
  /** @param text what the page says from then on. */
  close(text: string): Promise<void>;
}

const TICK_MS = 50;

/** @param run what the page calls it. @param warn told once if the page had to be switched off. */
export async function startLive(
  bench: Bench,
  session: Session,
  run: string,
  warn: (text: string) => void,
): Promise<LiveView> {
  const feed = new LiveFeed(bench.rig.rig, session);
  const hub = new LiveHub(feed, run);
  const server = await serveLocally({
    pages: { "/": livePage() },
    onSocket: (socket) => hub.attach(socket),
  });
  let working = true;
  const guarded =
    <A extends unknown[]>(work: (...a: A) => void) =>
    (...a: A): void => {
      if (!working) return;
      try {
        work(...a);
      } catch (error) {
        working = false;
        const text = `the live page was switched off: ${(error as Error).message}`;
        warn(text);
        hub.stop(text);
      }
    };
  const due = dueMarks(bench, session);
  const tick = guarded(() => {
    for (const m of due(process.hrtime.bigint())) feed.mark(m);
    hub.tick();
  });
  const timer = setInterval(tick, TICK_MS);
  const tee: LiveView["tee"] = {
    device: guarded((said: string) => feed.device(Buffer.from(said))),
    declareRows: guarded<Parameters<DaqSink["declareRows"]>>((layout) => feed.declareRows(layout)),
    rows: guarded<Parameters<DaqSink["rows"]>>((block) => feed.rows(block)),
    edge: guarded<Parameters<DaqSink["edge"]>>((edge) => feed.edge(edge)),
    exchange: guarded<Parameters<DaqSink["exchange"]>>((e) => feed.exchange(e)),
    note: guarded((n: Note) => feed.note(n)),
    mark: guarded((m: Mark) => feed.mark(m)),
    reads: guarded<Parameters<LiveView["tee"]["reads"]>>((batch, sampler) => {
      if (feed.channels.length === 0) feed.declareTelemetry(sampler.channels, sampler.grids);
      feed.reads(batch);
    }),
  };
  return {
    url: server.url,
    tee,
    state: guarded((s: RecordingState) => hub.figures(s)),
    close: async (text) => {
      clearInterval(timer);
      guarded(() => hub.end(text))();
      await server.close();
    },
  };
}

/** Marks that a virtual bench makes itself, each when its time has come. */
function dueMarks(bench: Bench, session: Session): (now: bigint) => readonly Mark[] {
  const own = bench.ownMarks(session);
  let next = 0;
  return (now) => {
    const from = next;
    while (next < own.length && own[next]!.t <= now) next++;
    return own.slice(from, next);
  };
}
