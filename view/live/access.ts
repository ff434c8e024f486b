// What a request shows of itself → whether it may be answered (docs/live.md, Security). Pure.
// Order matters only for the message: any one failure refuses.

import { timingSafeEqual } from "node:crypto";
import { PROTOCOL, TOKEN_PREFIX } from "../live-data.ts";

export interface Knock {
  readonly method: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly token: string | null;
}

export interface Refusal {
  readonly status: 403 | 405 | 421;
  readonly why: string;
}

/** Names that cannot be rebound to us by a stranger's DNS; any port, since SSH tunnels change it. */
const OWN_HOST = /^(127\.0\.0\.1|localhost)(:\d{1,5})?$/i;

/** @param socket a WebSocket must say where it comes from; a navigation need not. @returns null when it may pass. */
export function refusal(knock: Knock, token: string, socket = false): Refusal | null {
  const { method, host, origin } = knock;
  if (method !== "GET" && method !== "HEAD") return { status: 405, why: "only GET" };
  if (host === undefined || !OWN_HOST.test(host))
    return { status: 421, why: "this server answers to 127.0.0.1 and localhost only" };
  const own = origin?.toLowerCase() === `http://${host.toLowerCase()}`;
  if (origin === undefined ? socket : !own)
    return { status: 403, why: "not from this page's own origin" };
  if (!sameToken(knock.token, token))
    return {
      status: 403,
      why: "the token is missing or wrong; open the address that truejoule printed",
    };
  return null;
}

/** In constant time, so that a wrong token says nothing of the right one. */
function sameToken(given: string | null, wanted: string): boolean {
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(wanted)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** The token among a WebSocket's offered subprotocols, where the protocol itself is offered too. */
export function tokenOf(offered: string | undefined): string | null {
  const names = (offered ?? "").split(",").map((name) => name.trim());
  const token = names.find((name) => name.startsWith(TOKEN_PREFIX));
  return names.includes(PROTOCOL) && token ? token.slice(TOKEN_PREFIX.length) : null;
}
