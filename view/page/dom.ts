// Enters: names. Leaves: elements, found or made. Text goes in as text nodes only.

/** @throws where the page's frame lacks it */
export function byId(id: string): HTMLElement {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page lacks #${id}`);
  return node;
}

/** As {@link byId}, and of the kind named. */
export function part<E extends HTMLElement>(id: string, kind: new () => E): E {
  const node = byId(id);
  if (!(node instanceof kind)) throw new Error(`#${id} is no ${kind.name}`);
  return node;
}

/** The first match inside. @throws where there is none */
export function inside<Name extends keyof HTMLElementTagNameMap>(
  root: ParentNode,
  selector: Name,
): HTMLElementTagNameMap[Name];
export function inside(root: ParentNode, selector: string): HTMLElement;
export function inside(root: ParentNode, selector: string): HTMLElement {
  const node = root.querySelector<HTMLElement>(selector);
  if (!node) throw new Error(`the page lacks ${selector}`);
  return node;
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text?: string | null,
  className?: string,
): HTMLElementTagNameMap[Name] {
  const node = document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
}

/** Puts these in place of what it held. @returns itself */
export function fill<E extends Element>(root: E, children: Iterable<Node>): E {
  root.replaceChildren();
  for (const child of children) root.append(child);
  return root;
}

export function button(text: string | null, onClick: () => void): HTMLButtonElement {
  const node = element("button", text);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

/** A figure with its label above and a remark below. */
export function tile(label: string, value: string, note: string): HTMLDivElement {
  return fill(element("div", null, "tile"), [
    element("span", label, "label"),
    element("span", value, "value"),
    element("span", note, "note"),
  ]);
}

/** Pixels of the screen to one of CSS. */
export const screenScale = (): number => globalThis.devicePixelRatio || 1;
