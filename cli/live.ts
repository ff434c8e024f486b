// truejoule live: a recording to look at, kept only where --out says so.

import { join } from "node:path";
import { scratchFolder } from "../host/own-folder.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command, ExitCode, Invocation } from "./command.ts";
import { exitOf, finish, command as record, recordTo } from "./record.ts";

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
    const { out } = call.options;
    if (typeof call.options["rig"] !== "string") throw new UsageError("live needs --rig FILE|NAME");
    const shown = { ...call, options: { ...call.options, live: true } };
    if (typeof out !== "string") return look(shown);
    const recorded = await recordTo(out, shown, announcer(call, out));
    // With --json the address was the one document.
    const { ui } = call;
    return finish(recorded, { ...shown, ui: { ...ui, document: () => undefined } });
  },
};

async function look(call: Invocation): Promise<ExitCode> {
  const folder = scratchFolder("truejoule-live-");
  try {
    const unfused = { ...call, options: { ...call.options, "no-fuse": true } };
    const { result } = await recordTo(join(folder.path, "run"), unfused, announcer(call, null));
    return exitOf(result, false);
  } finally {
    folder.remove();
  }
}

function announcer({ ui }: Invocation, run: string | null): (url: string) => void {
  return (url) => {
    if (ui.json) ui.document({ schema: "live/1", url, run });
    else {
      ui.print(url);
      ui.print(`${run === null ? "nothing is kept (--out keeps it); " : ""}Ctrl-C ends`);
    }
  };
}
