// A recording with its live page, at the mercy of other programs of this machine: malformed requests and
// frames, slow and half-open connections, more idle ones than the process may have files. Out: what came of
// the recording, and whether the page still answers. Holds: loopback only, bounded in count and in time.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text as textOf } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { tmpdir } from "../host/temporary.ts";
import { WebSocket } from "ws";
import { siblingModule } from "../host/sibling.ts";
import { documentIn } from "../schema/documents/document.ts";
import { RECORD, type RecordDocument } from "../schema/documents/record.ts";
import { random, type Random } from "../stats/random.ts";
import { type Figure, figure } from "./memcpy.ts";
import { drawKind, shotOf, SHOTS, type ShotKind } from "./shots.ts";

export interface AttackPlan {
  /** Malformed requests and frames. */
  readonly shots: number;
  /** Connections that are opened and say nothing whole; more than `files`. */
  readonly idle: number;
  /** The recorder's and the page's limit of open files. */
  readonly files: number;
}

export interface AttackResult {
  /** By kind. */
  readonly shots: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Times that whoever has the address asked for the page during the attack, and got it. */
  readonly asked: number;
  readonly answered: number;
  /** After it: a page's socket was told what it is of. */
  readonly pageAlive: boolean;
  /** The recorder's exit code and record/1. */
  readonly code: number | null;
  readonly recorded: RecordDocument;
}

const AT_ONCE = 64;
const SLOW = 50;
const DRIP_MS = 500;
/** A server that does not hang up in this time does so later. */
const PATIENCE_MS = 2000;
const ASK_EVERY = 500;
const SEED = 1;
/** The simulated bench ends by itself otherwise. */
const LONG = ["--live", "--realtime", "--json", "--no-fuse", "--duration", "1h"];

export async function* run(): AsyncGenerator<Figure> {
  const r = await attack({ shots: 200_000, idle: 1100, files: 1024 });
  const said = `${r.recorded.rows} rows, ended by ${r.recorded.ended}, exit code ${r.code}`;
  const lost = r.recorded.lost_rows;
  yield figure("attack: rows lost", lost, "rows", 0, { note: said }, true);
  const n = Object.values(r.shots).reduce((a, b) => a + b);
  const kinds = Object.entries(r.shots).map(([kind, count]) => `${kind} ${count}`);
  const note = `in ${r.seconds.toFixed(0)} s: ${kinds.join(", ")}`;
  yield figure("attack: malformed requests and frames", n, "1", null, { note }, true);
  const findings = r.recorded.findings.map((f) => `${f.subject}: ${f.text}`).join("; ");
  const kept = Number(r.recorded.ended === "interrupt" && r.code !== 1);
  yield figure("attack: recorder alive at the end", kept, "1", 1, { note: findings }, true);
  yield figure("attack: page alive at the end", Number(r.pageAlive), "1", 1, {}, true);
  const asked = { note: `${r.answered} of ${r.asked} requests with the token` };
  yield figure("attack: page answered meanwhile", r.answered / r.asked, "1", 1, asked, true);
}

export async function attack(plan: AttackPlan): Promise<AttackResult> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  try {
    const victim = startVictim(join(dir, "run"), plan.files);
    const page = new URL(await victim.url);
    const fired = await besiege(page, plan);
    const pageAlive = await socketGreets(page);
    return { ...fired, pageAlive, ...(await victim.end()) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function startVictim(out: string, files: number) {
  const { url, execArgv } = siblingModule(import.meta.url, "../cli/main");
  const record = ["record", "--rig", "virtual", "--out", out, ...LONG];
  const node = [process.execPath, ...execArgv, fileURLToPath(url), ...record];
  const child = spawn("sh", ["-c", `ulimit -n ${files}; exec "$@"`, "sh", ...node], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const code = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const said = textOf(child.stdout);
  let lastWords = "";
  const address = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      lastWords = line;
      const found = /live page: (\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    void code.then((c) => reject(new Error(`the recording ended with code ${c}: ${lastWords}`)));
  });
  return {
    url: address,
    async end() {
      child.kill("SIGINT");
      const ended = await code;
      const document = await said;
      if (document === "") throw new Error(`the recorder died (code ${ended}): ${lastWords}`);
      return {
        code: ended,
        recorded: documentIn(RECORD, document, "record --json", "npm run build"),
      };
    },
  };
}

/** Everything at once. */
async function besiege(page: URL, { shots, idle }: AttackPlan) {
  const port = Number(page.port);
  const began = performance.now();
  const idlers = Array.from({ length: idle }, () => halfOpen(port));
  const slow = Array.from({ length: SLOW }, () => halfOpen(port));
  const drip = setInterval(() => slow.forEach((s) => s.write("x")), DRIP_MS);
  const fired: Record<string, number> = Object.fromEntries(SHOTS.map((kind) => [kind, 0]));
  const r = random(SEED, "attack");
  let [left, asked, answered] = [shots, 0, 0];
  const gun = async (): Promise<void> => {
    while (left > 0) {
      const turn = --left;
      const kind = drawKind(r);
      await fire(page, kind, r);
      fired[kind]!++;
      if (turn % Math.min(ASK_EVERY, Math.ceil(shots / 4)) !== 0) continue;
      asked++;
      if ((await statusOf(page)) === 200) answered++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, gun));
  clearInterval(drip);
  for (const s of [...idlers, ...slow]) s.destroy();
  return { shots: fired, asked, answered, seconds: (performance.now() - began) / 1e3 };
}

/** A connection that begins a request and never ends it. */
function halfOpen(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ");
  return socket;
}

/** One shot on a connection of its own. It is closed behind the shot: those that stay are the idle and slow ones. */
function fire(page: URL, kind: ShotKind, r: Random): Promise<void> {
  const { first, then, cut } = shotOf(kind, page, r);
  const socket = connect(Number(page.port), "127.0.0.1");
  return new Promise((over) => {
    const leave = (): void => void (cut ? socket.resetAndDestroy() : socket.destroy());
    const patience = setTimeout(leave, PATIENCE_MS);
    socket.on("error", () => undefined).once("close", () => over(clearTimeout(patience)));
    if (cut) socket.write(first, leave);
    else if (then) socket.write(first);
    else socket.end(first);
    // What comes back is read and forgotten; a frame goes out once the handshake is through.
    socket.once("data", () => then && socket.end(then)).resume();
  });
}

/** Of the page's own address, as its browser would ask. */
function statusOf(page: URL): Promise<number> {
  return new Promise((resolve) => {
    get(page, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on("error", () => resolve(0));
  });
}

/** Whether a page that opens its socket hears what it is of. */
function socketGreets({ host, origin, searchParams }: URL): Promise<boolean> {
  const names = ["truejoule.live.1", `token.${searchParams.get("token")}`];
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://${host}/live`, names, { origin });
    socket.on("error", () => resolve(false)).on("close", () => resolve(false));
    socket.once("message", (m: Buffer) => {
      resolve(m.toString().includes('"hello"'));
      socket.close();
    });
  });
}
