// A stranger gets nothing: every refusal of docs/live.md, against a real server.

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { get, request } from "node:http";
import { networkInterfaces } from "node:os";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { type Knock, refusal, tokenOf } from "../../view/live/access.ts";
import { type LocalServer, serveLocally } from "../../view/live/server.ts";

const SECRET = "what the run shows";
let server: LocalServer;
let url: URL;
let token: string;
const opened: string[] = [];

beforeAll(async () => {
  server = await serveLocally({
    pages: { "/": { policy: "default-src 'none'", body: () => SECRET } },
    onSocket: (socket) => {
      opened.push("socket");
      socket.send(SECRET);
    },
  });
  url = new URL(server.url);
  token = url.searchParams.get("token")!;
});
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port: url.port, path, method, headers }, (response) => {
      let body = "";
      response.on("data", (b: Buffer) => (body += b.toString()));
      response.on("end", () =>
        resolve({ status: response.statusCode!, body, headers: response.headers }),
      );
    })
      .on("error", reject)
      .end();
  });
}

const withToken = (path = "/"): string => `${path}?token=${token}`;

describe("pages", () => {
  test("the address that is printed works, and says how it may be used", async () => {
    const { status, body, headers } = await ask(withToken());
    expect([status, body]).toEqual([200, SECRET]);
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    expect(headers["content-security-policy"]).toBe("default-src 'none'");
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["set-cookie"]).toBeUndefined();
  });

  test("through an SSH tunnel the port is another, and it works", async () => {
    const headers = { host: "localhost:8080", origin: "http://localhost:8080" };
    expect((await ask(withToken(), headers)).status).toBe(200);
  });

  test.each([
    ["no token", "/", {}, "GET", 403],
    ["a wrong token", "/?token=0123456789abcdef0123456789abcdef", {}, "GET", 403],
    ["a prefix of the token", "PREFIX", {}, "GET", 403],
    ["a rebound name", "TOKEN", { host: "evil.example" }, "GET", 421],
    ["a rebound name with our port", "TOKEN", { host: "evil.example:PORT" }, "GET", 421],
    ["a name that begins like ours", "TOKEN", { host: "127.0.0.1.evil.example" }, "GET", 421],
    ["a foreign origin", "TOKEN", { origin: "http://evil.example" }, "GET", 403],
    ["another port's origin", "TOKEN", { origin: "http://127.0.0.1:1" }, "GET", 403],
    ["an opaque origin", "TOKEN", { origin: "null" }, "GET", 403],
    ["the secure twin's origin", "TOKEN", { origin: "https://127.0.0.1:PORT" }, "GET", 403],
    ["a post", "TOKEN", {}, "POST", 405],
    ["a preflight", "TOKEN", { origin: "http://evil.example" }, "OPTIONS", 405],
    ["another path", "/etc/passwdTOKEN", {}, "GET", 404],
    ["a path of the prototype", "/constructorTOKEN", {}, "GET", 404],
  ] as const)("%s is refused", async (_what, path, headers, method, status) => {
    const place = (text: string): string =>
      text
        .replace(/^TOKEN|TOKEN$/, (_m, at: number) => (at === 0 ? withToken() : `?token=${token}`))
        .replace("PREFIX", `/?token=${token.slice(0, 31)}`)
        .replace("PORT", url.port);
    const filled = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, place(v)]));
    const answer = await ask(place(path), filled, method);
    expect(answer.status).toBe(status);
    expect(answer.body).not.toContain(SECRET);
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("a request without Host is refused", async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(Number(url.port), "127.0.0.1", () =>
        socket.end(`GET ${withToken()} HTTP/1.0\r\n\r\n`),
      );
      let all = "";
      socket.on("data", (b) => (all += b.toString())).on("close", () => resolve(all));
    });
    expect(text).toContain(" 421 ");
    expect(text).not.toContain(SECRET);
  });

  test("it listens on 127.0.0.1 alone", async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((i) => i && !i.internal && i.family === "IPv4")
      .map((i) => i!.address);
    for (const host of ["::1", ...others]) {
      const failed = new Promise((resolve) =>
        get({ host, port: url.port, path: withToken() }, () => resolve("answered")).on(
          "error",
          () => resolve("refused"),
        ),
      );
      expect(await failed).toBe("refused");
    }
  });
});

describe("sockets", () => {
  const protocols = (given: string): string[] => ["truejoule.live.1", `token.${given}`];

  /** What came of it: the first message, or the status of the refusal. */
  function knock(
    names: string[],
    origin: string | undefined,
    headers: Record<string, string> = {},
    path = "/live",
  ): Promise<string> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${url.port}${path}`, names, {
        headers,
        ...(origin === undefined ? {} : { origin }),
      });
      socket.on("message", (m: Buffer) => {
        socket.close();
        resolve(m.toString());
      });
      socket.on("unexpected-response", (_q, response) => {
        resolve(String(response.statusCode));
        socket.terminate();
      });
      socket.on("error", () => resolve("error"));
    });
  }

  test("the page's own socket is served", async () => {
    expect(await knock(protocols(token), url.origin)).toBe(SECRET);
  });

  test.each([
    ["from a foreign origin", "TOKEN", "http://evil.example", {}, "403"],
    ["from another port's page", "TOKEN", "http://127.0.0.1:1", {}, "403"],
    ["without an origin", "TOKEN", undefined, {}, "403"],
    ["under a rebound name", "TOKEN", "http://evil.example", { host: "evil.example" }, "421"],
    ["with a wrong token", "ff".repeat(16), "OWN", {}, "403"],
  ])("%s it is refused", async (_what, given, origin, headers, status) => {
    const before = opened.length;
    const names = protocols(given === "TOKEN" ? token : given);
    const from = origin === "OWN" ? url.origin : origin;
    expect(await knock(names, from, headers)).toBe(status);
    expect(opened).toHaveLength(before);
  });

  test("without a token it is refused, even with one in the address", async () => {
    expect(await knock(["truejoule.live.1"], url.origin)).toBe("403");
    expect(await knock([], url.origin, {}, withToken("/live"))).toBe("403");
  });

  test("other paths have no socket", async () => {
    expect(await knock(protocols(token), url.origin, {}, "/other")).toBe("404");
  });

  test("a message from the page closes its connection", async () => {
    const code = await new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${url.port}/live`, protocols(token), {
        origin: url.origin,
      });
      socket.on("open", () => socket.send("stop"));
      socket.on("close", resolve);
    });
    expect(code).toBe(1008);
  });

  test("a ninth page is turned away", async () => {
    const sockets: WebSocket[] = [];
    for (let k = 0; k < 8; k++) {
      const s = new WebSocket(`ws://127.0.0.1:${url.port}/live`, protocols(token), {
        origin: url.origin,
      });
      await new Promise((resolve) => s.once("open", resolve));
      sockets.push(s);
    }
    expect(await knock(protocols(token), url.origin)).toBe("503");
    const gone = sockets.map((s) => new Promise((resolve) => s.once("close", resolve)));
    sockets.forEach((s) => s.close());
    await Promise.all(gone);
  });
});

describe("the rules themselves", () => {
  const good: Knock = { method: "GET", host: "127.0.0.1:1234", origin: undefined, token: "t" };

  test("only a whole knock passes", () => {
    expect(refusal(good, "t")).toBeNull();
    expect(refusal({ ...good, host: "LOCALHOST:1234" }, "t")).toBeNull();
    expect(refusal({ ...good, origin: "http://127.0.0.1:1234" }, "t", true)).toBeNull();
    expect(refusal(good, "t", true)?.status).toBe(403);
    for (const host of ["", "127.0.0.1:123456", "127.0.0.1@evil", "[::1]:1234", "0.0.0.0:1234"])
      expect(refusal({ ...good, host }, "t")?.status).toBe(421);
  });

  test("the token is taken from the subprotocols only beside the protocol", () => {
    expect(tokenOf("truejoule.live.1, token.abc")).toBe("abc");
    expect(tokenOf("token.abc")).toBeNull();
    expect(tokenOf(undefined)).toBeNull();
  });
});
