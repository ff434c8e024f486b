// The live server under fire: whatever is sent, it answers whoever has the address; and a recording beside it
// loses nothing.

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { attack } from "../../bench/attack.ts";
import { shotOf, SHOTS } from "../../bench/shots.ts";
import { random } from "../../stats/random.ts";
import { Connections } from "../../view/live/connections.ts";
import { FrameReader, frameOf, type PageMessage } from "../../view/live/page-protocol.ts";
import { type LocalServer, serveLocally } from "../../view/live/server.ts";

let server: LocalServer;
let page: URL;
beforeAll(async () => {
  server = await serveLocally({
    pages: { "/": { policy: "default-src 'none'", body: () => "the page" } },
    onSocket: (socket) => socket.send("hello"),
  });
  page = new URL(server.url);
});
afterAll(() => server.close());

function say(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(Number(page.port), "127.0.0.1", () => socket.end(bytes));
    socket.on("data", (b) => (text += b.toString("latin1"))).on("error", () => undefined);
    socket.on("close", () => resolve(text.split("\r\n")[0]!));
  });
}

const asked = async (): Promise<string> => (await fetch(page)).text();

describe("the live server", () => {
  test.each(["/\\x:999999", "/\\", "/\\\\[", "/\\[::1", "//a:99999999/", "/%", "*", "http://["])(
    "B1: GET %s is refused, not thrown",
    async (path) => {
      const answer = await say(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${page.host}\r\n\r\n`));
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(await asked()).toBe("the page");
    },
  );

  test.each(SHOTS)("50 shots of the kind %s: the page is still there", async (kind) => {
    const r = random(1, kind);
    for (let i = 0; i < 50; i++) {
      const { first, then } = shotOf(kind, page, r);
      await say(then ? Buffer.concat([first, then]) : first);
    }
    expect(await asked()).toBe("the page");
  });

  test("B4: 1,100 half-open connections: bounded, and whoever has the token still gets in", async () => {
    const open: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < 1100; i++) {
      const socket = connect(Number(page.port), "127.0.0.1");
      socket.on("error", () => undefined).on("close", () => closed++);
      await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
      socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
      open.push(socket);
    }
    expect(await asked()).toBe("the page");
    while (closed < 1100 - 256) await new Promise((turn) => setTimeout(turn, 10));
    for (const socket of open) socket.destroy();
  });
});

test("a stranger who is put out while the answer is on its way is closed: its file is free again", async () => {
  const came: Socket[] = [];
  const listening = createServer((socket) => came.push(socket));
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  const clients = Array.from({ length: 257 }, () => connect(port, "127.0.0.1"));
  for (const c of clients) c.on("error", () => undefined);
  while (came.length < clients.length) await new Promise((turn) => setTimeout(turn, 5));
  const connections = new Connections();
  for (const socket of came.slice(0, -1)) connections.stranger(socket);
  const closed = new Promise((resolve) => came[0]!.once("close", resolve));
  came[0]!.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  connections.stranger(came.at(-1)!);
  await closed;
  expect(connections.open).toBe(256);
  for (const socket of [...clients, ...came]) socket.destroy();
  await new Promise((resolve) => listening.close(resolve));
});

describe("the pipe to the page's process", () => {
  test("messages come back whole and in order, however the pipe cuts them", () => {
    const messages = Array.from({ length: 40 }, (_, i): PageMessage => ({
      kind: "mark",
      mark: { name: "m".repeat(i), phase: "instant", clock: "host", t: BigInt(i) << 40n },
    }));
    const bytes = Buffer.concat([frameOf(messages.slice(0, 7)), frameOf(messages.slice(7))]);
    for (const step of [1, 3, 64, bytes.length]) {
      const reader = new FrameReader();
      const back: PageMessage[] = [];
      for (let at = 0; at < bytes.length; at += step)
        back.push(...reader.push(bytes.subarray(at, at + step)));
      expect(back).toEqual(messages);
    }
  });
});

const onLinux = process.platform === "linux" ? describe : describe.skip;

onLinux("a recording under attack", () => {
  test("1,100 idle connections and 400 shots at 1,024 files: no row lost, page and recorder alive", async () => {
    const r = await attack({ shots: 400, idle: 1100, files: 1024 });
    expect(r.recorded).toMatchObject({ lost_rows: 0, ended: "interrupt", findings: [] });
    expect(r.recorded.rows).toBeGreaterThan(0);
    expect([r.pageAlive, r.answered, r.code]).toEqual([true, r.asked, 0]);
  }, 300_000);
});
