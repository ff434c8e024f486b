// truejoule recover RUN --out RUN2: what is whole in a cut or damaged log, as a run of its own.

import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { recoverLog } from "../capture/recover.ts";
import { createRun, openRun } from "../capture/run.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command } from "./command.ts";

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
    if (resolve(out) === resolve(run))
      throw new UsageError("--out is RUN itself; evidence is never overwritten");
    const from = openRun(run).capture;
    const to = createRun(out);
    let recovered;
    try {
      recovered = recoverLog(from, to.capture, call.ui.progress("recovering"));
    } catch (error) {
      rmSync(to.dir, { recursive: true }); // a run that never came to be leaves nothing behind
      throw error;
    }
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
        note: note.text,
      });
    call.ui.print(
      `${out}: ${chunks} chunks, ${attachments} attachments; next: truejoule fuse ${out}`,
    );
    if (note.level === "loss") call.ui.warn(note.text);
    return note.level === "loss" ? 3 : 0;
  },
};
