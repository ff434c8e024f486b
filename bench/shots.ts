// Malformed requests and frames for a server's bench (attack.ts), by kind. In: the page's address, a generator.
// Out: bytes to send, and those that follow once the server answered.

import type { Random } from "../stats/random.ts";

/**
 * Kinds, and how often each is drawn. A frame needs a handshake, and all that a page shows is sent to whoever made
 * one: that costs the server some five times what the others do.
 */
const SHARES = {
  path: 4,
  noise: 4,
  header: 4,
  body: 2,
  upgrade: 4,
  pipelined: 4,
  cut: 4,
  frame: 1,
  "handshake noise": 1,
} as const;
export type ShotKind = keyof typeof SHARES;
export const SHOTS = Object.keys(SHARES) as ShotKind[];
const DRAWN = SHOTS.flatMap((kind) => new Array<ShotKind>(SHARES[kind]).fill(kind));

export const drawKind = (r: Random): ShotKind => DRAWN[r.integer(DRAWN.length)]!;

export interface Shot {
  readonly first: Buffer;
  /** Sent when the server has answered. */
  readonly then: Buffer | null;
  /** The connection is reset right behind it, whatever the server does. */
  readonly cut?: boolean;
}

/** A path that some parser takes for something else. */
const PATHS = [
  ...["/\\x:999999", "/\\", "/\\\\[", "/%", "/%00", "/..%2f..%2fetc/passwd", "//[", "/\t", "*"],
  ...[
    "http://[",
    "/\\[::1",
    "/\xff\xfe",
    "//a:99999999/",
    "/?token=",
    "/?token=%ff",
    "///",
    "/#",
    "",
  ],
];

const HEADERS = [
  "Host: \r\n",
  "Host: [::1\r\nHost: 127.0.0.1\r\n",
  "Host: 127.0.0.1:99999999\r\n",
  `X: ${"a".repeat(20_000)}\r\n`,
  "X: a\r\n".repeat(3000),
  "Host : 127.0.0.1\r\n",
  "Host: 127.0.0.1\r\nOrigin: \x00\r\n",
  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  "Expect: 100-continue\r\nHost: 127.0.0.1\r\n",
];

const BODIES = [
  "Content-Length: 99999999999\r\n\r\nx",
  "Content-Length: -1\r\n\r\n",
  "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
  `Content-Length: 65536\r\n\r\n${"x".repeat(65_536)}`,
  "\r\nGET / HTTP/1.1\r\n".repeat(50),
];

/** RFC 6455, section 5.2: reserved bits, lengths, masks, opcodes and fragments that may not be. */
const FRAMES = [
  [0xf1, 0x80, 0, 0, 0, 0],
  [0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0x82, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f],
  [0x8f, 0x80, 0, 0, 0, 0],
  [0x09, 0x80, 0, 0, 0, 0],
  [0x88, 0xfe, 0x01, 0x00, ...new Array<number>(260).fill(0)],
  [0x81, 0x85, 0, 0, 0, 0, 0x68, 0x65, 0x6c, 0x6c, 0x6f],
  [0x88, 0x81, 0, 0, 0, 0, 0x03],
  [0x80, 0x80, 0, 0, 0, 0],
];

/** Kinds that "cut" breaks off. */
const CUT = ["path", "header", "body", "upgrade", "frame"] as const;

export function shotOf(kind: ShotKind, page: URL, r: Random): Shot {
  const one = <T>(list: readonly T[]): T => list[r.integer(list.length)]!;
  const host = `Host: ${page.host}\r\n`;
  const plain = (text: string): Shot => ({ first: Buffer.from(text, "latin1"), then: null });
  switch (kind) {
    case "path":
      return plain(`GET ${one(PATHS)} HTTP/1.1\r\n${host}\r\n`);
    case "noise":
      return { first: noise(r, 1 + r.integer(512)), then: null };
    case "header":
      return plain(`GET ${page.pathname}${page.search} HTTP/1.1\r\n${one(HEADERS)}\r\n`);
    case "body":
      return plain(`POST / HTTP/1.1\r\n${host}${one(BODIES)}`);
    case "upgrade":
      return plain(upgrade(one(PATHS), host, page, "token.x"));
    case "pipelined": {
      // Whole requests of one who has the address, and in the same packet something that is none.
      const good = `HEAD ${page.pathname}${page.search} HTTP/1.1\r\n${host}\r\n`;
      const rest = noise(r, 1 + r.integer(256));
      return {
        first: Buffer.concat([Buffer.from(good.repeat(1 + r.integer(8))), rest]),
        then: null,
      };
    }
    case "cut": {
      const whole = shotOf(one(CUT), page, r).first;
      return { first: whole.subarray(0, r.integer(whole.length + 1)), then: null, cut: true };
    }
    case "frame": {
      const first = Buffer.from(upgrade("/live", host, page, ownToken(page)), "latin1");
      return { first, then: Buffer.from(one(FRAMES)) };
    }
    case "handshake noise": {
      const first = Buffer.from(upgrade("/live", host, page, ownToken(page)), "latin1");
      return { first, then: noise(r, 1 + r.integer(256)) };
    }
  }
}

const ownToken = (page: URL): string => `token.${page.searchParams.get("token")}`;

const upgrade = (path: string, host: string, page: URL, token: string): string =>
  `GET ${path} HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: ${page.origin}\r\nSec-WebSocket-Protocol: truejoule.live.1, ${token}\r\n\r\n`;

const noise = (r: Random, n: number): Buffer =>
  Buffer.from(Array.from({ length: n }, () => r.integer(256)));
