// truejoule recover RUN --out RUN2: what is whole in a cut or damaged log, as a run of its own.

import { existsSync, realpathSync } from "node:fs";
import { recoverLog } from "../capture/recover.ts";
import { claimRun } from "../capture/new-run.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command } from "./command.ts";
import { tellWaiting, withRun } from "./locked-run.ts";

export const command: Command = {
  summary: "salvages a cut or damaged log into a new run, counts what was lost",
  usage: "RUN --out RUN2",
  help: `
Copies every whole chunk and attachment of RUN/capture.mcap to RUN2/capture.mcap, byte for byte, and adds a
note of what was left out. RUN is only read. Of a log that was cut (a killed recorder, a full disk) at
most the last open chunk is lost: less than a second. fuse and compare take RUN2 like any run and
repeat the loss. Exit 3 when something was lost, 0 when the log was whole.`,
  options: { out: { type: "string" } },
  optionHelp: [["--out RUN2", "folder to make; must be new or empty"]],

  async run(call) {
    const [run, ...extra] = call.positionals;
    if (!run || extra.length > 0) throw new UsageError("recover takes one RUN");
    const out = call.options["out"];
    if (typeof out !== "string") throw new UsageError("recover needs --out RUN2");
    const recovered = await withRun(run, "shared", async ({ capture }) => {
      if (existsSync(out) && realpathSync(out) === realpathSync(run))
        throw new UsageError("--out is RUN itself; evidence is never overwritten");
      const to = await claimRun(out, tellWaiting);
      try {
        return recoverLog(capture, to.paths.capture, call.ui.progress("recovering"));
      } catch (error) {
        to.abandon(); // a run that never came to be leaves nothing behind
        throw error;
      } finally {
        to.release();
      }
    });
    const { chunks, attachments, dropped, droppedBytes, missingMessages, note } = recovered;
    if (call.ui.json)
      call.ui.document({
        schema: "recover/1",
        run,
        out,
        chunks,
        attachments,
        dropped,
        dropped_bytes: droppedBytes,
        missing_messages: missingMessages,
        // Of RUN's log, as verify tells it.
        sha256: recovered.sha256,
        chain: recovered.chain,
        chain_broken: recovered.broken,
        note: note.text,
      });
    call.ui.print(
      `${out}: ${chunks} chunks, ${attachments} attachments; next: truejoule fuse ${out}`,
    );
    if (note.level === "loss") call.ui.warn(note.text);
    return note.level === "loss" ? 3 : 0;
  },
};
