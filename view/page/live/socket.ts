// Enters: the server's messages, as they come (docs/live.md). Leaves: each to who takes it; a connection that breaks
// is made again. The page never sends anything.

import { type LiveMessage, PROTOCOL, TOKEN_PREFIX } from "../../live-data.ts";
import { byId } from "../dom.ts";

const RETRY_MS = 1000;

export interface Listener {
  text(message: LiveMessage): void;
  binary(message: ArrayBuffer): void;
  /** Nothing more will come. */
  isOver(): boolean;
}

export function listen(listener: Listener): void {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  const offered = [PROTOCOL, `${TOKEN_PREFIX}${token}`];
  const socket = new WebSocket(`ws://${location.host}/live`, offered);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => showLink("recording", "live"));
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === "string") listener.text(JSON.parse(data) as LiveMessage);
    else listener.binary(data);
  });
  socket.addEventListener("close", () => {
    if (listener.isOver()) return;
    showLink("not connected", "lost");
    setTimeout(() => listen(listener), RETRY_MS);
  });
}

export function showLink(text: string, mood: "live" | "lost" | "ended"): void {
  byId("link").textContent = text;
  byId("link").dataset["mood"] = mood;
}
