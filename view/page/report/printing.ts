// Paper is white: light colours, plots as wide as a page, and afterwards as before.

import { byId } from "../dom.ts";

const PAPER_WIDTH = 680; // A4 less margins, CSS px

/** @param repaint called when colours and width have changed */
export function wirePrinting(repaint: () => void): void {
  const { dataset } = document.documentElement;
  const trace = byId("trace");
  let before: { readonly theme: string | undefined } | null = null;
  byId("print").addEventListener("click", () => globalThis.print());
  globalThis.addEventListener("beforeprint", () => {
    before = { theme: dataset["theme"] };
    dataset["theme"] = "light";
    trace.style.width = `${PAPER_WIDTH}px`;
    repaint();
  });
  globalThis.addEventListener("afterprint", () => {
    if (!before) return;
    if (before.theme) dataset["theme"] = before.theme;
    else delete dataset["theme"];
    before = null;
    trace.style.width = "";
    repaint();
  });
}
