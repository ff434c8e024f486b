// A few pages and a WebSocket on 127.0.0.1 for one user of this machine. In: the pages. Out: an address
// with a token in it. Holds: every request passes access.ts first; a connection's own messages are never
// read: it is closed instead; whatever is sent, nothing is thrown out of here, and connections, their
// headers and their time are bounded.

import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { PROTOCOL } from "../live-data.ts";
import { refusal, tokenOf } from "./access.ts";
import { Connections } from "./connections.ts";

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

/** Whoever shows the token may come in; the others are counted. */
interface Door {
  readonly token: string;
  readonly connections: Connections;
}

const MAX_SOCKETS = 8;

/** A browser needs one kilobyte of header and no body, at once. Milliseconds and bytes. */
const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
} as const;
/** Waiting to be accepted; less than the strangers that are let in, so that none is put out unheard. */
const BACKLOG = 128;

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
  const door: Door = { token: randomBytes(16).toString("hex"), connections: new Connections() };
  const server = createServer(LIMITS, (request, response) => {
    response.on("error", () => undefined);
    try {
      answer(request, response, pages, door);
    } catch {
      if (response.headersSent) request.socket.destroy();
      else say(response, 400, "not a request that a browser makes");
    }
  });
  server.on("connection", (socket) => door.connections.stranger(socket));
  server.on("clientError", (_error, raw) => hangUp(raw, "400 Bad Request"));
  const closeSockets = onSocket ? await takeSockets(server, onSocket, door) : () => undefined;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, resolve);
  });
  // A connection that cannot be accepted (no file left) is that connection's end, not the server's.
  server.removeAllListeners("error").on("error", () => undefined);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/?token=${door.token}`,
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
  { token, connections }: Door,
): void {
  const address = addressOf(request);
  if (!address) return say(response, 400, "not an address");
  const { pathname, searchParams } = address;
  const refused = refusal({ ...headersOf(request), token: searchParams.get("token") }, token);
  if (refused) return say(response, refused.status, refused.why);
  if (!connections.known(request.socket)) return say(response, 503, "too many pages");
  const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
  if (!page) return say(response, 404, "no such page");
  response.writeHead(200, {
    ...HEADERS,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": page.policy,
  });
  response.end(request.method === "HEAD" ? undefined : page.body());
}

/** And hangs up: whoever is refused has nothing more to say. */
function say(response: ServerResponse, status: number, text: string): void {
  const type = "text/plain; charset=utf-8";
  const headers = { ...HEADERS, "content-type": type, connection: "close" };
  response.writeHead(status, { ...headers, "content-security-policy": "default-src 'none'" });
  response.end(`${text}\n`);
}

const BASE = "http://127.0.0.1";

/** The base only makes the parser happy: what `Host` says is judged by access.ts. Null for what is no path. */
function addressOf({ url = "" }: IncomingMessage): URL | null {
  // To the parser a backslash is a slash, and what follows two of them a host.
  const path = url.startsWith("/") ? url.replace(/^[/\\]+/, "/") : "/";
  return URL.canParse(path, BASE) ? new URL(path, BASE) : null;
}

const headersOf = ({ method, headers }: IncomingMessage) => ({
  method,
  host: headers.host,
  origin: headers.origin,
});

async function takeSockets(
  server: Server,
  onSocket: (socket: WebSocket) => void,
  { token, connections }: Door,
): Promise<() => void> {
  const { WebSocketServer } = await import("ws");
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1024,
    handleProtocols: () => PROTOCOL,
  });
  const upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
    const offered = tokenOf(request.headers["sec-websocket-protocol"]);
    const refused = refusal({ ...headersOf(request), token: offered }, token, true);
    if (refused) return hangUp(raw, `${refused.status} ${refused.why}`);
    if (addressOf(request)?.pathname !== "/live") return hangUp(raw, "404 Not Found");
    if (sockets.clients.size >= MAX_SOCKETS || !connections.known(request.socket))
      return hangUp(raw, "503 Too Many Pages");
    sockets.handleUpgrade(request, raw, head, (socket) => {
      socket.on("error", () => undefined); // the close that follows is what counts
      socket.on("message", () => socket.close(1008, "this page only looks"));
      onSocket(socket);
    });
  };
  server.on("upgrade", (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    raw.on("error", () => undefined); // a stranger who hangs up is nothing to report
    try {
      upgrade(request, raw, head);
    } catch {
      hangUp(raw, "400 Bad Request");
    }
  });
  return () => {
    for (const socket of sockets.clients) socket.close(1001, "ended");
    sockets.close();
  };
}

function hangUp(raw: Duplex, status: string): void {
  raw.on("error", () => undefined);
  raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    raw.destroy(),
  );
}
