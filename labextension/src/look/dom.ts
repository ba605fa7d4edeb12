/** Making elements without a framework. Text is always text: nothing that a run printed becomes markup. */

/** A new element with a class, inside `parent` where one is given. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  parent?: HTMLElement
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

/** Set a text only where it differs: a page with hundreds of live numbers stays idle. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}
