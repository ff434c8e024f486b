// truejoule view RUN: the run's report by the live page's server, for whoever has the address.

import { readFileSync } from "node:fs";
import { openRun } from "../capture/run.ts";
import { UsageError } from "../schema/errors.ts";
import { serveLocally } from "../view/live/server.ts";
import type { Command } from "./command.ts";
import { currentReport } from "./report.ts";

/** The report carries its own policy, by hash; only what a meta element cannot say is added. */
const POLICY = "frame-ancestors 'none'";

export const command: Command = {
  summary: "shows a run's report on 127.0.0.1",
  usage: "RUN",
  help: `
Writes RUN/report.html where it is missing or older than the run, serves it on 127.0.0.1 under an address
with a token, and stays until Ctrl-C. Through SSH: ssh -L 8080:127.0.0.1:PORT host.`,
  options: {},
  optionHelp: [],

  async run({ positionals, ui }) {
    const [dir, ...extra] = positionals;
    if (!dir || extra.length > 0) throw new UsageError("view takes one RUN");
    const paths = openRun(dir);
    await currentReport(paths, ui);
    const page = { policy: POLICY, body: () => readFileSync(paths.report) };
    const server = await serveLocally({ pages: { "/": page } });
    if (ui.json) ui.document({ schema: "view/1", url: server.url, report: paths.report });
    else for (const line of [server.url, "Ctrl-C ends"]) ui.print(line);
    await new Promise<void>((resolve) => {
      process.once("SIGINT", resolve).once("SIGTERM", resolve);
    });
    await server.close();
    return 0;
  },
};
