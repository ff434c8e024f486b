// A few pages and a WebSocket on 127.0.0.1 for one user of this machine. In: the pages. Out: an address
// with a token in it. Holds: every request passes access.ts first, and a connection's own messages are
// never read: it is closed instead.

import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { PROTOCOL, type Refusal, refusal, tokenOf } from "./access.ts";

export interface ServedPage {
  /** Content-Security-Policy header. */
  readonly policy: string;
  body(): string | Buffer;
}

export interface LocalServer {
  /** With the token: whoever has it may look. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** By path, HTML. */
  readonly pages: Readonly<Record<string, ServedPage>>;
  /** Takes sockets at /live. */
  readonly onSocket?: (socket: WebSocket) => void;
}

const MAX_SOCKETS = 8;

const HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** @throws the system's error when no port can be had. */
export async function serveLocally({ pages, onSocket }: ServerOptions): Promise<LocalServer> {
  const token = randomBytes(16).toString("hex");
  const server = createServer((request, response) => answer(request, response, pages, token));
  const closeSockets = onSocket ? await takeSockets(server, token, onSocket) : () => undefined;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/?token=${token}`,
    close: () => {
      closeSockets();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pages: ServerOptions["pages"],
  token: string,
): void {
  const { pathname, searchParams } = addressOf(request);
  const refused = refusal({ ...headersOf(request), token: searchParams.get("token") }, token);
  if (refused) return say(response, refused.status, refused.why);
  const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
  if (!page) return say(response, 404, "no such page");
  response.writeHead(200, {
    ...HEADERS,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": page.policy,
  });
  response.end(request.method === "HEAD" ? undefined : page.body());
}

function say(response: ServerResponse, status: number, text: string): void {
  const headers = { ...HEADERS, "content-type": "text/plain; charset=utf-8" };
  response.writeHead(status, { ...headers, "content-security-policy": "default-src 'none'" });
  response.end(`${text}\n`);
}

/** The base only makes the parser happy: what `Host` says is judged by access.ts. */
function addressOf(request: IncomingMessage): URL {
  const path = request.url?.startsWith("/") ? request.url.replace(/^\/+/, "/") : "/";
  return new URL(path, "http://127.0.0.1");
}

const headersOf = ({ method, headers }: IncomingMessage) => ({
  method,
  host: headers.host,
  origin: headers.origin,
});

async function takeSockets(
  server: Server,
  token: string,
  onSocket: (socket: WebSocket) => void,
): Promise<() => void> {
  const { WebSocketServer } = await import("ws");
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1024,
    handleProtocols: () => PROTOCOL,
  });
  server.on("upgrade", (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    raw.on("error", () => undefined); // a stranger who hangs up is nothing to report
    const offered = tokenOf(request.headers["sec-websocket-protocol"]);
    const refused = refusal({ ...headersOf(request), token: offered }, token, true);
    if (refused) return refuse(raw, refused);
    if (addressOf(request).pathname !== "/live") return hangUp(raw, "404 Not Found");
    if (sockets.clients.size >= MAX_SOCKETS) return hangUp(raw, "503 Too Many Pages");
    sockets.handleUpgrade(request, raw, head, (socket) => {
      socket.on("error", () => undefined); // the close that follows is what counts
      socket.on("message", () => socket.close(1008, "this page only looks"));
      onSocket(socket);
    });
  });
  return () => {
    for (const socket of sockets.clients) socket.close(1001, "ended");
    sockets.close();
  };
}

function refuse(raw: Duplex, { status, why }: Refusal): void {
  hangUp(raw, `${status} ${why}`);
}

function hangUp(raw: Duplex, status: string): void {
  raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
