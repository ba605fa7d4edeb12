/** Lines of a terminal as nodes: text is always text. */
import { element } from '../look/dom';
import type { Span } from '../terminal/line';
import type { LineTail } from '../terminal/lines';
import type { Style } from '../terminal/style';

/** The lines from `first` up to, without it, `last`. */
export function lineNodes(tail: LineTail, first: number, last: number): DocumentFragment {
  const lines = document.createDocumentFragment();
  for (let i = first; i < last; i++) {
    lines.append(...tail.line(i).map(spanNode), '\n');
  }
  return lines;
}

function spanNode({ text, style }: Span): Node {
  const className = classesOf(style);
  if (!className && !style.fg && !style.bg) {
    return document.createTextNode(text);
  }
  const span = element('span', className);
  span.textContent = text;
  span.style.color = isThemed(style.fg) ? '' : (style.fg ?? '');
  span.style.backgroundColor = isThemed(style.bg) ? '' : (style.bg ?? '');
  return span;
}

function isThemed(colour: string | undefined): boolean {
  return colour !== undefined && /^\d+$/.test(colour);
}

function classesOf(style: Style): string {
  const switches = (['bold', 'dim', 'italic', 'underline', 'inverse'] as const)
    .filter(name => style[name])
    .map(name => `gpurun-sgr-${name}`);
  const colours = [
    isThemed(style.fg) ? `gpurun-fg${style.fg}` : '',
    isThemed(style.bg) ? `gpurun-bg${style.bg}` : ''
  ];
  return [...switches, ...colours].filter(name => name).join(' ');
}
