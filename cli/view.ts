// truejoule view RUN: the run's report by the live page's server, for whoever has the address.

import { UsageError } from "../schema/errors.ts";
import { serveLocally } from "../view/live/server.ts";
import type { Command } from "./command.ts";
import { withRun, workListener } from "./locked-run.ts";
import { whenGone } from "./outlive.ts";

export const command: Command = {
  summary: "shows a run's report on 127.0.0.1",
  usage: "RUN",
  help: `
Makes the report as \`truejoule report\` does, writes it to RUN/report.html and serves what it made, whatever stands
there, on 127.0.0.1 under an address with a token, until Ctrl-C; on a read-only disk it only serves it.
Through SSH: ssh -L 8080:127.0.0.1:PORT host.`,
  options: {},
  optionHelp: [],

  async run({ positionals, ui }) {
    const [dir, ...extra] = positionals;
    if (!dir || extra.length > 0) throw new UsageError("view takes one RUN");
    const listener = workListener(ui);
    const { keepOrSay } = await import("../dataset/changed-log.ts");
    const { currentReport } = await import("../view/current-report.ts");
    const { keepReport } = await import("../view/report.ts");
    const { pagePolicy } = await import("../view/page-template.ts");
    const { page, report, changed } = await withRun(dir, "exclusive", async (paths) => {
      const made = await currentReport(paths, listener);
      keepOrSay(paths.report, () => keepReport(paths, made.page), listener);
      return { ...made, report: paths.report };
    });
    // What was made here is served, never a file: somebody may have put another one there.
    const policy = `${pagePolicy()}; frame-ancestors 'none'`;
    const server = await serveLocally({ pages: { "/": { policy, body: () => page } } });
    if (ui.json) ui.document({ schema: "view/1", url: server.url, report });
    else for (const line of [server.url, "Ctrl-C ends"]) ui.print(line);
    await new Promise<void>((resolve) => {
      process.once("SIGINT", resolve).once("SIGTERM", resolve);
      // The address is said once: where it did not arrive, nobody will come.
      whenGone((stream) => void (stream === "stdout" && resolve()));
    });
    await server.close();
    return changed ? 3 : 0;
  },
};
