// truejoule live: a recording to look at, kept only where --out says so.

import { join } from "node:path";
import { scratchFolder } from "../host/own-folder.ts";
import type { RecordRequest } from "../record/request.ts";
import type { RecordListener } from "../record/run.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command, ExitCode, Invocation } from "./command.ts";
import { command as record, recordHere, requestOf } from "./record.ts";
import { exitOf, finish, listener } from "./recording.ts";

const OWN = new Set(["live", "no-fuse"]);
const options = Object.fromEntries(Object.entries(record.options).filter(([k]) => !OWN.has(k)));

export const command: Command = {
  summary: "records and shows a live web page on 127.0.0.1",
  records: true,
  usage: "--rig FILE|NAME [--duration 10min] [--out RUN] [--port TTY] [-- CMD …]",
  help: `
Prints the page's address, with a token that is new every time: whoever has it may look (docs/live.md).
The page shows rails and telemetry as they come, the Joules of windows as marks close them (provisional),
losses, the DAQ's clock, telemetry lateness and disk. Without --out the run is recorded in the folder for
temporary files and deleted at the end; with it, it is kept and fused as \`record\` does.

example: truejoule live --rig virtual --duration 5min`,
  options,
  optionHelp: record.optionHelp.filter(([name]) => !OWN.has(name.slice(2))),

  async run(call) {
    const { out, rig } = call.options;
    if (typeof rig !== "string") throw new UsageError("live needs --rig FILE|NAME");
    if (typeof out !== "string") return look(call);
    const request = { ...(await requestOf(call, out)), live: true };
    const recorded = await recordHere(request, announced(call, request, out));
    // With --json the address was the one document.
    return finish(recorded, request, { ...call.ui, document: () => undefined });
  },
};

async function look(call: Invocation): Promise<ExitCode> {
  const folder = scratchFolder("truejoule-live-");
  try {
    const asked = await requestOf(call, join(folder.path, "run"));
    const request = { ...asked, live: true, fuse: false };
    const { result } = await recordHere(request, announced(call, request, null));
    return exitOf(result, false);
  } finally {
    folder.remove();
  }
}

/** As record's, and the address is the result. @param run null: nothing is kept. */
function announced({ ui }: Invocation, request: RecordRequest, run: string | null): RecordListener {
  const onLivePage = (url: string): void => {
    if (ui.json) ui.document({ schema: "live/1", url, run });
    else {
      ui.print(url);
      ui.print(`${run === null ? "nothing is kept (--out keeps it); " : ""}Ctrl-C ends`);
    }
  };
  return { ...listener(ui, request), onLivePage };
}
