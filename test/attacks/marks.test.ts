// What programs, other users and killed recorders may do to the marks of a recording: text files and FIFOs that
// are flooded, cut and replaced, folders in shared memory that are not ours, rings that lie. Everything written is
// received or counted, nothing of others is touched, and a recorder never hangs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { libc } from "../../host/libc.ts";
import { ownFolder } from "../../host/own-folder.ts";
import { Header, HEADER_BYTES, Kind, SLOT_BYTES } from "../../marks/layout.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { createRing } from "../../marks/ring-file.ts";
import { SubmitWatch } from "../../marks/submit-watch.ts";
import { Collected, record } from "../marks/collect.ts";
import { memoryRing, SteppedMark } from "../marks/memory-ring.ts";
import {
  compileWriter,
  hasGcc,
  hasPython,
  isLinux,
  python,
  PYTHON_FOLDER,
  run,
} from "../marks/programs.ts";

const suite = isLinux ? describe : describe.skip;
const only = isLinux ? "" : " (skipped: marks need Linux)";
const asRoot = process.getuid?.() === 0 ? test : test.skip;

/** Counts without keeping: there may be millions. */
class Counted extends Collected {
  received = 0;
  override onMark(): void {
    this.received++;
  }
}

suite(`A2: lines${only}`, () => {
  let sink: Counted;
  let source: MarksSource;
  let closed: boolean;
  beforeEach(() => {
    sink = new Counted();
    source = new MarksSource(sink, 64);
    closed = false;
  });
  afterEach(() => void (closed || source.close()));
  const text = (): string => join(source.folder, "text");
  const close = (): number => {
    closed = true;
    source.close();
    return sink.received + sink.lost;
  };
  const why = (): string => sink.losses.map((l) => l.why).join("\n");

  test("A2: 300,000 lines at the end are read, not dropped", () => {
    appendFileSync(text(), "begin something a=1\n".repeat(300_000));
    expect(close()).toBe(300_000);
    expect(sink.lost).toBe(0);
  }, 60_000);

  test("A2: what is more than is read at the end is counted, to the line", () => {
    const piece = Buffer.from(`${"x".repeat(1022)}\n`.repeat(1024));
    const fd = openSync(text(), "a");
    for (let mib = 0; mib < 80; mib++) writeSync(fd, piece);
    writeSync(fd, "the last line, without its end");
    closeSync(fd);
    expect(close()).toBe(80 * 1024 + 1);
    expect(sink.received).toBeGreaterThan(60 * 1024);
    expect(why()).toMatch(/too late to be read before the end \(all\)/);
  }, 60_000);

  test("A2: a look takes a slice of a backlog, the next ones the rest", () => {
    appendFileSync(text(), "mark a\n".repeat(400_000));
    source.poll();
    expect(sink.received).toBeLessThan(400_000);
    for (let polls = 0; sink.received < 400_000 && polls < 10_000; polls++) source.poll();
    expect([close(), sink.lost]).toEqual([400_000, 0]);
  }, 60_000);

  test("A2: a writer that goes on during the close does not keep it; its half line is read whole", () => {
    appendFileSync(text(), "one\ntwo\nthr");
    source.poll();
    appendFileSync(text(), "ee\nfou");
    expect(close()).toBe(4);
  });

  test("A2: replaced by another file, cut, written over with as much or more: all is read, and that is told", () => {
    appendFileSync(text(), "one\ntwo\n");
    source.poll();
    renameSync(text(), join(source.folder, "old"));
    appendFileSync(join(source.folder, "old"), "three\n");
    writeFileSync(text(), "four\n");
    source.poll();
    source.poll();
    expect(sink.received).toBe(4);
    expect(why()).toMatch(/another file has its name now/);
    writeFileSync(text(), "five\n"); // as long as what was there
    source.poll();
    writeFileSync(text(), "six, and seven\nseven\n"); // longer
    source.poll();
    expect(sink.received).toBe(6); // "six, and seven" is no mark and is counted
    expect(why()).toMatch(/was written over; read again/);
    truncateSync(text(), 0);
    source.poll();
    expect(why()).toMatch(/shrank from 21 bytes/);
    unlinkSync(join(source.folder, "old"));
    expect(close()).toBe(7);
  });

  test("A2: replaced and never looked at again: both files are read at the close", () => {
    appendFileSync(text(), "one\n");
    source.poll();
    appendFileSync(text(), "two\n");
    unlinkSync(text());
    writeFileSync(text(), "three\nfour");
    expect([close(), sink.lost]).toEqual([4, 0]);
  });

  test("A2: removed, or a FIFO or a link in its place: the rest goes on", () => {
    unlinkSync(text());
    source.poll();
    libc().mkfifo(text(), 0o600);
    source.poll();
    source.poll();
    expect(why()).toMatch(/text: not a regular file/);
    unlinkSync(text());
    symlinkSync("/etc/passwd", text());
    source.poll();
    expect(sink.received).toBe(0);
    unlinkSync(text());
    writeFileSync(text(), "after\n");
    source.poll(); // sees it
    source.poll(); // reads it
    expect(sink.received).toBe(1);
  });

  test("A2: NUL bytes, endless lines and lines that are none are counted, with few notes", () => {
    appendFileSync(text(), Buffer.concat([Buffer.alloc(100), Buffer.from("hole\n")]));
    appendFileSync(text(), `${"y".repeat(300_000)}\n`);
    appendFileSync(text(), "=\n".repeat(5000));
    appendFileSync(text(), "good\n");
    for (let polls = 0; sink.received < 1 && polls < 1000; polls++) source.poll();
    expect([sink.received, sink.lost]).toEqual([1, 5002]);
    expect(why()).toMatch(/holds a NUL byte/);
    expect(sink.losses.length).toBeLessThan(1000);
  });

  test("A2: a sparse file of 20 GiB keeps nobody", () => {
    truncateSync(text(), 20 * 2 ** 30);
    source.poll();
    expect(close()).toBeGreaterThan(0);
    expect(why()).toMatch(/at least/);
  }, 120_000);

  test("A2: several writers, and a FIFO that is full at the close", async () => {
    const writers = [1, 2, 3].map((n) =>
      run(
        "sh",
        [
          "-c",
          `i=0; while [ $i -lt 500 ]; do echo "w${n} i=$i" >> $TRUEJOULE_MARKS/text; i=$((i+1)); done`,
        ],
        source.environment,
      ),
    );
    await Promise.all(writers);
    const fd = openSync(join(source.folder, "fifo"), "w");
    const lines = Math.floor(65_536 / 8);
    writeSync(fd, "mark ab\n".repeat(lines));
    expect([close(), sink.lost]).toEqual([1500 + lines, 0]);
    closeSync(fd);
  }, 60_000);

  test("A2: stamp intervals reach back to when the end was last seen, however long the backlog", () => {
    const kept = new Collected();
    const other = new MarksSource(kept, 64);
    const before = process.hrtime.bigint();
    appendFileSync(join(other.folder, "text"), "mark a\n".repeat(200_000));
    for (let polls = 0; kept.marks.length < 200_000 && polls < 10_000; polls++) other.poll();
    const short = kept.marks.filter(
      (m) => Number(m.t - before) > (m.fields!["stamp_interval_ns"] as number),
    );
    expect(short).toHaveLength(0);
    other.close();
  }, 60_000);
});

suite(`B3: folders in shared memory${only}`, () => {
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const made: string[] = [];
  afterEach(() => made.splice(0).forEach((f) => rmSync(f, { recursive: true, force: true })));
  const folder = (name: string): string => {
    const path = join(parent, `truejoule-marks-${name}${process.pid}`);
    made.push(path);
    mkdirSync(path, { mode: 0o700 });
    return path;
  };
  const start = (): void => void new MarksSource(new Collected(), 8).close();
  const longAgo = (path: string): void => utimesSync(path, 1e9, 1e9);

  test("B3: a FIFO for a ring hangs nobody, a link leads nowhere, a folder for a ring is left", () => {
    const fifo = folder("fifo");
    libc().mkfifo(join(fifo, "shared.ring"), 0o600);
    const link = folder("link");
    const target = join(link, "precious");
    writeFileSync(target, "data");
    symlinkSync(target, join(link, "shared.ring"));
    const ring = folder("dir");
    mkdirSync(join(ring, "shared.ring"));
    for (const f of [fifo, link, ring]) longAgo(f);
    start();
    expect([fifo, link, ring].map((f) => existsSync(f))).toEqual([true, true, true]);
    expect(existsSync(target)).toBe(true);
  });

  test("B3: a link or a file of the prefix is not followed", () => {
    const away = join(parent, `elsewhere-${process.pid}`);
    made.push(away);
    mkdirSync(away, { mode: 0o700 });
    closeSync(createRing(join(away, "shared.ring"), 8, 0));
    const link = join(parent, `truejoule-marks-l${process.pid}`);
    made.push(link);
    symlinkSync(away, link);
    start();
    expect(existsSync(join(away, "shared.ring"))).toBe(true);
  });

  asRoot("B3: nothing of another user is removed, not by root either", () => {
    const theirs = folder("other");
    closeSync(createRing(join(theirs, "shared.ring"), 8, 0));
    chownSync(theirs, 65534, 65534);
    longAgo(theirs);
    const shared = folder("shared");
    closeSync(createRing(join(shared, "shared.ring"), 8, 0));
    chmodSync(shared, 0o777); // anybody may have put something there
    start();
    expect(readdirSync(theirs)).toEqual(["shared.ring"]);
    expect(readdirSync(shared)).toEqual(["shared.ring"]);
  });

  test("B3: left-overs go at once with all that is ours; what is not ours stays, and its folder", () => {
    const dead = folder("dead");
    for (const name of ["shared.ring", "7-ab.ring"]) closeSync(createRing(join(dead, name), 8, 0));
    writeFileSync(join(dead, "text"), "a\n");
    libc().mkfifo(join(dead, "fifo"), 0o600);
    const mixed = folder("mixed");
    closeSync(createRing(join(mixed, "shared.ring"), 8, 0));
    writeFileSync(join(mixed, "results.csv"), "mine");
    mkdirSync(join(mixed, "sub"));
    start();
    expect(existsSync(dead)).toBe(false);
    expect(readdirSync(mixed).sort()).toEqual(["results.csv", "sub"]);
  });

  test("B3: a living recorder's folder is locked from the first moment it can be taken for dead", () => {
    const living = folder("living");
    const lock = createRing(join(living, "shared.ring"), 8, 0);
    const making = folder("making");
    writeFileSync(join(making, "shared.ring.tmp"), "");
    start();
    expect([existsSync(join(living, "shared.ring")), existsSync(making)]).toEqual([true, true]);
    closeSync(lock);
    longAgo(making);
    start();
    expect([existsSync(living), existsSync(making)]).toEqual([false, false]);
  });

  test("B3: what a program put into the folder is left at the end, and that is told", () => {
    const sink = new Collected();
    const source = new MarksSource(sink, 8);
    made.push(source.folder);
    writeFileSync(join(source.folder, "results.csv"), "mine");
    source.close();
    expect(readdirSync(source.folder)).toEqual(["results.csv"]);
    expect(sink.losses.at(-1)!.why).toMatch(/is kept: it holds something that no recorder made/);
  });

  test("C6: other folders of our own (a simulated line's) are locked and cleaned the same way", () => {
    const dir = join(tmpdir(), `truejoule-own-${process.pid}`);
    made.push(dir);
    mkdirSync(dir);
    const kind = {
      parent: dir,
      prefix: "line-",
      lock: "lock",
      isOurs: (n: string) => n === "lock",
    };
    const first = ownFolder(kind);
    const second = ownFolder(kind);
    expect([first, second].map((f) => lstatSync(f.path).mode & 0o777)).toEqual([0o700, 0o700]);
    expect([first.remove(), second.remove()]).toEqual([true, true]);
    expect(first.remove()).toBe(true);
    expect(readdirSync(dir)).toEqual([]);
  });

  test("C6: a folder whose maker keeps what it likes in it goes whole, once nobody holds it", () => {
    const dir = join(tmpdir(), `truejoule-any-${process.pid}`);
    made.push(dir);
    mkdirSync(dir);
    const kind = { parent: dir, prefix: "any-", lock: ".lock" };
    const living = ownFolder(kind);
    for (const name of ["dead", "shared"]) {
      const path = join(dir, `any-${name}`);
      mkdirSync(join(path, "run"), { recursive: true, mode: 0o700 });
      writeFileSync(join(path, "run", "capture.mcap"), "x");
      writeFileSync(join(path, ".lock"), "");
      symlinkSync(living.path, join(path, "link"));
    }
    chmodSync(join(dir, "any-shared"), 0o777);
    const next = ownFolder(kind);
    const names = [living, next].map((f) => f.path.slice(dir.length + 1));
    expect(readdirSync(dir).sort()).toEqual([...names, "any-shared"].sort());
    expect(readdirSync(living.path)).toEqual([".lock"]);
    expect([living.remove(), next.remove()]).toEqual([true, true]);
  });
});

suite(`B5: rings that lie${only}`, () => {
  let sink: Collected;
  let source: MarksSource;
  beforeEach(() => {
    sink = new Collected();
    source = new MarksSource(sink, 64);
  });
  afterEach(() => void source.close());
  const shared = (): string => join(source.folder, "shared.ring");

  function poke(at: number, bytes: Uint8Array): void {
    const fd = openSync(shared(), "r+");
    writeSync(fd, bytes, 0, bytes.length, at);
    closeSync(fd);
  }
  const u64 = (v: bigint): Buffer => {
    const b = Buffer.alloc(8);
    b.writeBigUInt64LE(BigInt.asUintN(64, v));
    return b;
  };
  /** After it, other marks still come, and a second poll says nothing more. */
  function expectDropped(why: RegExp): void {
    source.poll();
    source.poll();
    const [only, ...more] = sink.losses;
    expect(more).toEqual([]);
    expect(only!.why).toMatch(why);
    expect(only!.why).toMatch(/was dropped/);
    expect(only!.count).toBeGreaterThan(0);
    expect(only!.count).toBeLessThan(1e6);
    appendFileSync(join(source.folder, "text"), "still_here\n");
    source.poll();
    expect(sink.marks.map((m) => m.name)).toEqual(["still_here"]);
  }

  test.each<[string, bigint]>([
    ["2^62", 2n ** 62n],
    ["2^53 + 1", 2n ** 53n + 1n],
    ["-1", -1n],
    ["an hour's marks in a moment", 3_600_000_000_000n],
  ])("B5: head = %s", (_what, head) => {
    poke(Header.head, u64(head));
    expectDropped(/which no writer can/);
  });

  test("B5: head moved back", () => {
    poke(Header.head, u64(20n));
    source.poll();
    sink.losses.length = 0;
    poke(Header.head, u64(3n));
    expectDropped(/went back from 20 to 3/);
  });

  test.each([0, 100, HEADER_BYTES, HEADER_BYTES + 5 * SLOT_BYTES])(
    "B5: cut to %i bytes: no SIGBUS, dropped and told",
    (bytes) => {
      poke(Header.head, u64(20n));
      truncateSync(shared(), bytes);
      expectDropped(/cut short/);
    },
  );

  test("B5: random bytes all over, 300 times: dropped or counted, with counts that can be", () => {
    let x = 1;
    const random = (): number => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) >>> 8;
    for (let n = 0; n < 300; n++) {
      const other = new Collected();
      const one = new MarksSource(other, 64);
      const fd = openSync(join(one.folder, "shared.ring"), "r+");
      for (let k = 0; k < 20; k++) {
        const bytes = Buffer.from(Array.from({ length: 64 }, () => random() & 255));
        // Below the fixed header every third time, so that slots and heads are reached too.
        const at =
          n % 3 === 0 ? random() % 4096 : 24 + (random() % (HEADER_BYTES + 40 * SLOT_BYTES));
        writeSync(fd, bytes, 0, 64, at);
        one.poll();
      }
      const { received, lost } = one.close();
      closeSync(fd);
      expect(received + lost).toBeLessThan(1e9);
    }
  }, 120_000);

  test("B5: the folder removed, or more files in it than anybody needs: told once, the rest goes on", () => {
    for (let k = 0; k < 5000; k++) writeFileSync(join(source.folder, `x${k}.ring`), "");
    source.poll();
    source.poll();
    expect(sink.losses.filter((l) => l.why.includes("more than 4096 files"))).toHaveLength(1);
    for (const name of readdirSync(source.folder)) unlinkSync(join(source.folder, name));
    rmSync(source.folder, { recursive: true });
    sink.losses.length = 0;
    source.poll();
    source.poll();
    expect(sink.losses).toHaveLength(1);
    expect(sink.losses[0]!.why).toMatch(/cannot be looked at for new rings/);
  });

  test("B5: a FIFO, a folder and a link named like rings are refused without waiting", () => {
    libc().mkfifo(join(source.folder, "a.ring"), 0o600);
    mkdirSync(join(source.folder, "b.ring"));
    symlinkSync("/etc/passwd", join(source.folder, "c.ring"));
    source.poll();
    source.poll();
    expect(sink.losses).toHaveLength(3);
    rmSync(join(source.folder, "b.ring"), { recursive: true });
  });
});

const withGcc = hasGcc ? describe : describe.skip;
withGcc(
  `marks 1, 2: fast writers and writers that outlive the recorder${hasGcc ? "" : " (skipped: no gcc)"}`,
  () => {
    let writer: ReturnType<typeof compileWriter>;
    beforeEach(() => void (writer = compileWriter()));
    afterEach(() => writer.remove());

    test("marks 1: close returns while four threads mark as fast as they can, and every mark until then is counted", async () => {
      const sink = new Counted();
      const source = new MarksSource(sink);
      const child = spawn(writer.path, ["burst", "2000000000", "4", "0", "0"], {
        env: { ...process.env, ...source.environment },
      });
      while (sink.received < 1000) {
        source.poll();
        await new Promise((r) => setTimeout(r, 5));
      }
      const totals = source.close(); // it goes on: a close that waits for it never comes back
      expect(child.exitCode).toBeNull();
      expect([totals.received, totals.lost]).toEqual([sink.received, sink.lost]);
      child.kill("SIGKILL");
    }, 60_000);

    test("marks 2: once the recorder has ended, marks are a look at the header: nothing is written any more", async () => {
      const source = new MarksSource(new Counted(), 64);
      const ring = openSync(join(source.folder, "shared.ring"), "r");
      const ended = run(writer.path, ["outlive", "1000000"], source.environment);
      while (!source.totals.opened) {
        source.poll();
        await new Promise((r) => setTimeout(r, 5));
      }
      const { received, lost } = source.close();
      expect((await ended).stdout.trim()).toBe("0 written after the end");
      expect(received + lost).toBe(1);
      closeSync(ring);
    }, 60_000);
  },
);

const withPython = hasPython ? test : test.skip;
describe(`marks 5: exceptions out of signal handlers${hasPython ? "" : " (skipped: no python3)"}`, () => {
  withPython.each(["0", "2"])(
    "marks 5: 400 of them into a loop of marks, %s other threads: marks go on, each is received or counted",
    async (threads) => {
      const sink = new Collected();
      const program = new URL("./marks-python.py", import.meta.url).pathname;
      const { result, totals } = await record(sink, (env) =>
        python(`exec(open(${JSON.stringify(program)}).read())`, { ...env, MARKS_THREADS: threads }),
      );
      expect(result.stderr).toBe("");
      const [returned, raised, others] = result.stdout.trim().split(" ").map(Number);
      const count = (name: string) => sink.marks.filter((m) => m.name === name).length;
      expect(count("after")).toBe(1000);
      expect(count("other")).toBe(others);
      // A call that the exception ended may have left its mark or not.
      expect(count("loop") + totals.lost).toBeGreaterThanOrEqual(returned!);
      expect(count("loop")).toBeLessThanOrEqual(returned! + raised! + totals.lost);
    },
    120_000,
  );
});

describe("marks 12: the trigger's look at the ring", () => {
  test("a dead slot is waited for once, not in every lap", () => {
    const ring = memoryRing(8);
    let ms = 0;
    const watch = new SubmitWatch(ring, () => ms);
    const dead = new SteppedMark(ring, { kind: Kind.submit });
    dead.step();
    dead.step(); // drawn and claimed, never written
    const submit = (): void => new SteppedMark(ring, { kind: Kind.submit }).finish();
    submit();
    expect(watch.look()).toBe(0);
    ms = 3;
    expect(watch.look()).toBe(1);
    for (let lap = 0; lap < 5; lap++)
      for (let k = 0; k < 4; k++) {
        submit();
        submit();
        const seen = watch.look();
        expect(seen).toBeGreaterThanOrEqual(1); // the dead slot's own launch is dropped by its writer
      }
  });

  test("a head that lies keeps nobody: a lap at the most", () => {
    let reads = 0;
    const ring = memoryRing(8);
    const watch = new SubmitWatch({ ...ring, read: (i, at) => (reads++, ring.read(i, at)) });
    for (const head of [2n ** 62n, 2n ** 31n + 5n, 2n, -1n]) {
      ring.longs[8] = head;
      watch.look();
    }
    expect(reads).toBeLessThan(100);
  });
});

withGcc(`marks 12: libraries that come and go${hasGcc ? "" : " (skipped: no gcc)"}`, () => {
  test("marks 12: 50 times opened and closed, a library that marks leaves no mapping of the ring", async () => {
    const writer = compileWriter();
    const library = compileWriter("-shared", "-fPIC", "-Wno-error");
    const sink = new Collected();
    const { result } = await record(sink, (env) =>
      run(writer.path, ["plugin", library.path, "50"], env),
    );
    expect(result).toMatchObject({ code: 0, stderr: "", stdout: "0 left\n" });
    expect(sink.marks).toHaveLength(50);
    for (const w of [writer, library]) w.remove();
  }, 60_000);
});

describe(`marks 12: Python forks${hasPython ? "" : " (skipped: no python3)"}`, () => {
  withPython(
    "marks 12: children forked beside marking threads do not hold their parent's ring",
    async () => {
      const sink = new Collected();
      const source = new MarksSource(sink);
      const parent = spawn("python3", ["-c", FORKS_BESIDE_THREADS], {
        env: { ...process.env, ...source.environment, PYTHONPATH: PYTHON_FOLDER },
        stdio: ["ignore", "pipe", "ignore"],
        detached: true, // a group of their own, to be ended whatever happens
      });
      try {
        let said = "";
        parent.stdout.on("data", (d: Buffer) => (said += d.toString()));
        while (!said.endsWith("\n")) await once(parent.stdout, "data");
        const children = said.trim().split(" ").map(Number);
        parent.kill("SIGKILL");
        const its = () => readdirSync(source.folder).filter((n) => n.startsWith(`${parent.pid}-`));
        expect(its()).toHaveLength(1);
        for (let polls = 0; its().length > 0 && polls < 2000; polls++) {
          source.poll();
          await new Promise((r) => setTimeout(r, 20));
        }
        expect(its()).toEqual([]); // while all of them are there
        for (const pid of children) expect(process.kill(pid, 0)).toBe(true);
        expect(children).toHaveLength(20);
      } finally {
        process.kill(-parent.pid!, "SIGKILL");
        source.close();
      }
    },
    60_000,
  );

  withPython(
    "marks 12: marks in fork hooks and in signal handlers of a child go into its own ring",
    async () => {
      const sink = new Collected();
      const { result, totals } = await record(sink, (env) => python(MARKS_IN_FORKS, env));
      expect(result).toMatchObject({ code: 0, stderr: "" });
      // A span's name begins with its ring's: each ring is one process's.
      const pids = new Map<string, Set<unknown>>();
      for (const { fields } of sink.marks) {
        const ring = String(fields!["span"]).split(".")[0]!;
        pids.set(ring, (pids.get(ring) ?? new Set()).add(fields!["pid"]));
      }
      expect([...pids.values()].filter((p) => p.size !== 1)).toEqual([]);
      expect(pids.size).toBeGreaterThanOrEqual(31); // one more where a handler's mark came first
      const hooked = sink.marks.filter((m) => m.name === "hook").map((m) => m.fields!["pid"]);
      expect(new Set(hooked).size).toBe(30);
      expect(totals.lost).toBe(0);
      for (let i = 0; i < 30; i++)
        expect(sink.marks.filter((m) => m.fields!["child"] === i)).toHaveLength(50);
    },
    120_000,
  );

  withPython(
    "killed Python writers: of each process all that was done is received or counted, but for what it had in hand",
    async () => {
      const file = join(tmpdir(), `truejoule-progress-${process.pid}`);
      writeFileSync(file, Buffer.alloc(16 * 6));
      const progress = () => new BigUint64Array(new Uint8Array(readFileSync(file)).buffer);
      const sink = new Collected();
      const source = new MarksSource(sink);
      const children = Array.from({ length: 6 }, (_, p) =>
        spawn("python3", ["-c", COUNTED_MARKS, file, `${p}`], {
          env: { ...process.env, ...source.environment, PYTHONPATH: PYTHON_FOLDER },
          stdio: "ignore",
        }),
      );
      let left = 6;
      for (const child of children) child.once("close", () => left--);
      while (left > 0) {
        source.poll();
        const made = progress();
        for (let p = 0; p < 4; p++)
          if (made[2 * p + 1]! > BigInt(500 * (p + 1))) children[p]!.kill("SIGKILL");
        await new Promise((r) => setTimeout(r, 1));
      }
      source.close();
      const made = progress();
      rmSync(file);
      for (const [p, { pid, signalCode }] of children.entries()) {
        const received = sink.marks.filter((m) => m.fields!["pid"] === pid).length;
        const losses = sink.losses.filter((l) => l.why.includes(`/${pid}-`));
        const all = losses.reduce((n, l) => n + l.count, received);
        const [begun, done] = [Number(made[2 * p]), Number(made[2 * p + 1])];
        expect(signalCode).toBe(p < 4 ? "SIGKILL" : null);
        expect(begun - done).toBeLessThanOrEqual(p < 4 ? 1 : 0);
        expect([all >= done, all <= begun]).toEqual([true, true]);
      }
    },
    120_000,
  );

  withPython(
    "marks 12: workers forked after the recorder's end say nothing",
    async () => {
      const source = new MarksSource(new Collected());
      const ended = python(
        `
import os, truejoule as tj
tj.mark("before")
while tj.recording(): pass
for _ in range(5):
    if os.fork() == 0:
        tj.mark("after")
        os._exit(tj.recording())
    os.wait()
print("done")
`,
        source.environment,
      );
      while (source.totals.received < 1) {
        source.poll();
        await new Promise((r) => setTimeout(r, 5));
      }
      source.close();
      expect(await ended).toMatchObject({ code: 0, stderr: "", stdout: "done\n" });
    },
    60_000,
  );
});

/** 20 children that stay, forked while two threads mark as fast as they can. Prints their ids. */
const FORKS_BESIDE_THREADS = `
import os, threading, time, truejoule as tj
def work():
    while True: tj.mark("w")
tj.recording()
for _ in range(2): threading.Thread(target=work, daemon=True).start()
pids = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        os.close(1)
        time.sleep(600)
        os._exit(0)
    pids.append(pid)
print(*pids, flush=True)
time.sleep(600)
`;

/** 30 children; the hook was there before the client was, so it runs before the client's own. */
const MARKS_IN_FORKS = `
import os, signal
def hook():
    tj.begin("hook")
os.register_at_fork(after_in_child=hook)
import truejoule as tj
arm = lambda: signal.setitimer(signal.ITIMER_REAL, 0.0005)
def alarm(*_):
    tj.begin("alarm")
    arm()  # only now: on a slow machine they would nest without end
signal.signal(signal.SIGALRM, alarm)
arm()
tj.begin("parent")
pids = []
for i in range(30):
    pid = os.fork()
    if pid == 0:
        arm()
        for _ in range(50): tj.begin("m", child=i)
        signal.setitimer(signal.ITIMER_REAL, 0)
        os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
`;

/** FILE NUMBER: leaves there how many marks it began and how many are done; 0 to 3 go on until they are killed. */
const COUNTED_MARKS = `
import mmap, sys, truejoule as tj
with open(sys.argv[1], "r+b") as f:
    words = memoryview(mmap.mmap(f.fileno(), 0)).cast("Q")
at = 2 * int(sys.argv[2])
i = 0
while at < 8 or i < 20000:
    words[at] = i = i + 1
    tj.mark("m", i=i)
    words[at + 1] = i
`;
