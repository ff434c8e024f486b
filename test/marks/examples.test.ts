// The examples run as they are (with their stand-ins) and leave the stages that docs/marks.md names.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { Collected, record } from "./collect.ts";
import { HEADER_FOLDER, hasGcc, hasPython, run } from "./programs.ts";

const folder = fileURLToPath(new URL("../../examples/marks", import.meta.url));

async function marksOf(command: string, ...args: string[]): Promise<Collected> {
  const sink = new Collected();
  const { result, totals } = await record(sink, (environment) =>
    run(command, args, { PYTHONDONTWRITEBYTECODE: "1", ...environment }),
  );
  expect(result).toMatchObject({ code: 0, stderr: "" });
  expect(totals.lost).toBe(0);
  return sink;
}

/** Names in order of time, one request's only. */
const stages = (sink: Collected, request: string) =>
  sink.marks
    .filter((m) => m.phase === "instant" && m.fields!["request"] === request)
    .sort((a, b) => Number(a.t - b.t))
    .map((m) => m.name);

function everySpanEnds(sink: Collected): void {
  const open = new Map<unknown, string>();
  for (const m of [...sink.marks].sort((a, b) => Number(a.t - b.t))) {
    if (m.phase === "begin") open.set(m.fields!["span"], m.name);
    if (m.phase === "end") expect(open.get(m.fields!["span"])).toBe(m.name);
    if (m.phase === "end") open.delete(m.fields!["span"]);
  }
  expect([...open.values()]).toEqual([]);
}

const STAGES = [
  "server_recv",
  "enqueue",
  "dequeue",
  "prefill_start",
  "first_token",
  "decode_loop_start",
];

(hasPython ? describe : describe.skip)(
  `Python examples${hasPython ? "" : " (skipped: no python3)"}`,
  () => {
    test("PyTorch: every stage of every request, batch sizes on its spans", async () => {
      const sink = await marksOf("python3", join(folder, "pytorch_marks.py"));
      for (const request of ["r-0", "r-1", "r-2"]) expect(stages(sink, request)).toEqual(STAGES);
      const prefills = sink.marks.filter((m) => m.name === "prefill" && m.phase === "begin");
      expect(prefills.map((m) => m.fields!["batch_size"])).toEqual([1, 8, 32]);
      everySpanEnds(sink);
    });

    test("vLLM: stages from the scheduler, each step a span with its batch", async () => {
      const sink = await marksOf("python3", join(folder, "vllm_marks.py"));
      expect(stages(sink, "r-0")).toEqual(STAGES);
      expect(stages(sink, "r-1")).toEqual(STAGES);
      const steps = sink.marks.filter((m) => m.name === "step" && m.phase === "begin");
      expect(steps.map((m) => m.fields!["tokens"])).toEqual([512, 513, 2, 1]);
      expect(steps[0]!.fields).toMatchObject({
        batch_size: 1,
        prefills: 1,
        max_num_batched_tokens: 8192,
      });
      everySpanEnds(sink);
    });

    test("TGI: prefill and decode of the model server", async () => {
      const sink = await marksOf("python3", join(folder, "tgi_marks.py"));
      expect(stages(sink, "0,1,2,3")).toEqual([
        "prefill_start",
        "first_token",
        "decode_loop_start",
      ]);
      expect(sink.marks.filter((m) => m.name === "decode" && m.phase === "end")).toHaveLength(3);
      everySpanEnds(sink);
    });
  },
);

(hasGcc ? test : test.skip)(`llama.cpp example${hasGcc ? "" : " (skipped: no gcc)"}`, async () => {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-llama-"));
  const program = join(dir, "llama");
  const args = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-I", HEADER_FOLDER];
  const gcc = spawnSync("gcc", [...args, join(folder, "llama_marks.c"), "-o", program], {
    encoding: "utf8",
  });
  expect(gcc.stderr).toBe("");
  const sink = await marksOf(program);
  expect(sink.marks.filter((m) => m.phase === "instant").map((m) => m.name)).toEqual(STAGES);
  expect(sink.marks.at(-1)!.fields).toMatchObject({ tokens: 32 });
  everySpanEnds(sink);
  rmSync(dir, { recursive: true });
});
