// Connections of the live server, bounded. In: sockets as they come, and which of them showed the token.
// Holds: strangers cannot crowd out whoever has the token. At the limit the stranger who waits longest goes;
// who showed the token stays, up to a limit of their own.

import type { Socket } from "node:net";

/** More than can wait to be accepted (server.ts), so that a newcomer is heard before it is put out. */
const MAX_STRANGERS = 256;
/** Eight pages of a browser that opens six connections each. */
const MAX_KNOWN = 48;

export class Connections {
  /** In the order they came. */
  readonly #strangers = new Set<Socket>();
  readonly #known = new Set<Socket>();

  /** Whoever comes is one. */
  stranger(socket: Socket): void {
    this.#strangers.add(socket);
    socket.on("error", () => undefined); // the close that follows is what counts
    socket.once("close", () => {
      this.#strangers.delete(socket);
      this.#known.delete(socket);
    });
    const [oldest] = this.#strangers;
    if (!oldest || this.#strangers.size <= MAX_STRANGERS) return;
    this.#strangers.delete(oldest);
    // Reset, so that it hears of it whether it reads or not. Of a socket that is just saying its last the system
    // refuses that, and Node then keeps the file for ever.
    if (oldest.writableEnded) oldest.destroy();
    else oldest.resetAndDestroy();
  }

  /** It showed the token. @returns false where there is no room for more of them. */
  known(socket: Socket): boolean {
    if (this.#known.has(socket)) return true;
    if (this.#known.size >= MAX_KNOWN) return false;
    this.#strangers.delete(socket);
    this.#known.add(socket);
    return true;
  }

  get open(): number {
    return this.#strangers.size + this.#known.size;
  }
}
