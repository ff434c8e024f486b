// Programs that mark from elsewhere than the recorder's own shell: as another user, with another /dev/shm, in process
// id namespaces, as containers have them. What marks does come, and what does not says why; nothing is mixed up.

import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ProgramMarks } from "../../record/program-marks.ts";
import { finding } from "../../schema/findings.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { Collected, record } from "../marks/collect.ts";
import { compileWriter, hasGcc, hasPython, isLinux, python, run } from "../marks/programs.ts";

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;
const canUnshare = isRoot && spawnSync("unshare", ["-m", "-p", "-f", "true"]).status === 0;

const hook = new URL("../../scripts/ts-register.mjs", import.meta.url).href;
const client = new URL("../../marks/node-client.ts", import.meta.url).href;

const when = (able: boolean) => (able ? test : test.skip);
const said = (able: boolean, what: string, needs: string): string =>
  able ? what : `${what} (skipped: needs ${needs})`;

let writer: ReturnType<typeof compileWriter>;
beforeAll(() => {
  if (hasGcc) writer = compileWriter();
});
afterAll(() => writer?.remove());

describe("marks 9: another user", () => {
  // One line with the path and the reason, in the language's own order.
  const REFUSED =
    /^truejoule: no marks: (?=.*\/truejoule-marks-)(?=.*[Pp]ermission denied)[^\n]*\n$/;
  const able = isLinux && isRoot;

  when(able && hasGcc)(
    said(able && hasGcc, "C says the path and why, once, and leaves errno alone", "root and gcc"),
    async () => {
      const sink = new Collected();
      const { result, totals } = await record(sink, (env) =>
        run(writer.path, ["other", `${NOBODY}`], env),
      );
      expect(result).toMatchObject({ code: 0, stdout: "errno 77\n" });
      expect(result.stderr).toMatch(REFUSED);
      expect(totals).toMatchObject({ received: 0, lost: 0, opened: false });
    },
  );

  when(able && hasPython)(
    said(able && hasPython, "Python too", "root and python3"),
    async () => {
      const { result } = await record(new Collected(), (env) =>
        python(
          `
import os, truejoule as tj
from truejoule import _ring, _slot
os.setuid(${NOBODY})
for _ in range(3): tj.mark("of another")
`,
          env,
        ),
      );
      expect(result.code).toBe(0);
      expect(result.stderr).toMatch(REFUSED);
    },
    60_000,
  );

  when(able)(
    said(able, "Node too", "root"),
    async () => {
      const program = `
        const { mark, recording } = await import(${JSON.stringify(client)});
        process.setuid(${NOBODY});
        for (let i = 0; i < 3; i++) mark("of another");
        console.log(recording());`;
      const { result } = await record(new Collected(), (env) =>
        run(process.execPath, ["--import", hook, "--input-type=module", "-e", program], env),
      );
      expect(result).toMatchObject({ code: 0, stdout: "false\n" });
      expect(result.stderr).toMatch(REFUSED);
    },
    60_000,
  );
});

describe("marks 9: nobody opened the ring", () => {
  test("the recorder notes it; a line or a ring of a program's own is a mark all the same", () => {
    const nothing = { received: 0, lost: 0, opened: false };
    const mark = { name: "m", phase: "instant", clock: "host", t: 1n } as const;
    const silent = new ProgramMarks(false);
    expect(silent.said(nothing)).toEqual([
      {
        noted: "info",
        finding: finding("mark-ring-unopened", "marks", "no program opened the mark ring"),
      },
    ]);
    expect(silent.said({ ...nothing, opened: true })).toEqual([]);
    silent.see(mark);
    expect(silent.said(nothing)).toEqual([]);
    const cuda = new ProgramMarks(true);
    expect(cuda.said(nothing)[0]).toMatchObject({
      noted: "warning",
      finding: {
        code: "cuda-not-loaded",
        text: expect.stringMatching(/no program loaded the library.*none opened the mark ring/),
      },
    });
  });

  when(isLinux)("a source whose variable reached nobody says so", async () => {
    const source = new MarksSource(new Collected(), 8);
    await run("sh", ["-c", "exit 0"]);
    source.poll();
    expect(source.close().opened).toBe(false);
  });
});

const inNamespaces = (script: string, env: Record<string, string>) =>
  run("unshare", ["-m", "-p", "-f", "sh", "-ec", script], env);

describe("marks 9: containers", () => {
  const able = isLinux && canUnshare && hasGcc;
  const name = (what: string) => said(able, what, "root, unshare and gcc");

  when(able)(name("a /dev/shm of its own: nothing comes, and the program says why"), async () => {
    const sink = new Collected();
    const { result, totals } = await record(sink, (env) =>
      inNamespaces(`mount -t tmpfs none /dev/shm; "${writer.path}" api`, env),
    );
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(
      /^truejoule: no marks: .*shared.ring cannot be opened: No such file or directory\n$/,
    );
    expect(totals.opened).toBe(false);
  });

  when(able)(
    name("the folder bound into it, as docs/marks.md says: every mark comes"),
    async () => {
      const sink = new Collected();
      const { result, totals } = await record(sink, (env) =>
        inNamespaces(
          `mkdir /tmp/tj-bound.$$; mount --bind "$TRUEJOULE_MARKS" /tmp/tj-bound.$$
         mount -t tmpfs none /dev/shm; mkdir -p "$TRUEJOULE_MARKS"
         mount --bind /tmp/tj-bound.$$ "$TRUEJOULE_MARKS"; umount /tmp/tj-bound.$$; rmdir /tmp/tj-bound.$$
         "${writer.path}" api`,
          env,
        ),
      );
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(totals).toEqual({ received: 10, lost: 0, opened: true });
    },
  );

  when(able)(
    name("three programs of one process id: every mark comes, spans stay apart"),
    async () => {
      const sink = new Collected();
      const { result, totals } = await record(sink, (env) =>
        Promise.all([1, 2, 3].map(() => inNamespaces(`exec "${writer.path}" api`, env))),
      );
      for (const ended of result) expect(ended).toMatchObject({ code: 0, stderr: "" });
      expect(totals).toMatchObject({ received: 30, lost: 0 });
      expect(new Set(sink.marks.map((m) => m.fields!["pid"])).size).toBe(1);
      const begins = sink.marks.filter((m) => m.phase === "begin").map((m) => m.fields!["span"]);
      expect(new Set(begins).size).toBe(begins.length);
    },
  );

  const withPython = able && hasPython;
  when(withPython)(
    said(
      withPython,
      "Python programs of one process id have a ring each",
      "root, unshare, python3",
    ),
    async () => {
      const sink = new Collected();
      const code = `import truejoule as tj
with tj.span("a"): tj.mark("b")`;
      const { totals } = await record(sink, (env) =>
        Promise.all(
          [1, 2, 3].map(() =>
            run("unshare", ["-p", "-f", "python3", "-c", code], {
              ...env,
              PYTHONPATH: new URL("../../marks/python", import.meta.url).pathname,
              PYTHONDONTWRITEBYTECODE: "1",
            }),
          ),
        ),
      );
      expect(totals).toMatchObject({ received: 9, lost: 0 });
      const spans = sink.marks.filter((m) => m.phase !== "instant").map((m) => m.fields!["span"]);
      expect(new Set(spans).size).toBe(3);
    },
    60_000,
  );
});
