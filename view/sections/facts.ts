// Named figures, side by side.

import { type Html, html } from "../html.ts";

export function factList(facts: readonly (readonly [string, string])[]): Html {
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}
