/** What a transcript is made of: stretches of text, what was displayed between them, and where an attempt or a cell begins. */
import { bundleText } from '../server/output';
import type { Event, MimeBundle } from '../server/types';
import { LineTail } from '../terminal/lines';

/** Text, as a terminal of its own: as in a notebook, nothing printed moves up into what stands above a figure. */
export interface Printed {
  readonly kind: 'printed';
  readonly tail: LineTail;
  /** Whether it stands for something displayed. */
  readonly isFolded: boolean;
}

/** Something displayed. It may be updated: `version` counts how often it was. */
export interface Shown {
  readonly kind: 'shown';
  readonly id: string | null;
  /** What stands for it among the lines that are counted. */
  readonly text: string;
  data: MimeBundle;
  metadata: MimeBundle;
  version: number;
  size: number; // characters
}

/** The beginning of a second attempt, or of a cell of a notebook. */
export interface Section {
  readonly kind: 'section';
  readonly attempt?: number;
  readonly cell?: { number: number; total: number; code: string };
}

export type Part = Printed | Shown | Section;

export type DisplayEvent = Event & { kind: 'display' | 'result' };

const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json'; // of a widget that lives in the run's kernel

export function printed(text = '', isFolded = false): Printed {
  const tail = new LineTail(Infinity); // the transcript as a whole is bounded
  tail.feed(text);
  return { kind: 'printed', tail, isFolded };
}

/** Whether there is more to it than a text that stays as it is. */
export function isMoreThanText(event: DisplayEvent): boolean {
  const updatable = event.kind === 'display' && !!event.display_id;
  return updatable || Object.keys(event.data).some(mime => mime !== 'text/plain' && mime !== WIDGET_VIEW);
}

export function shownBy(event: DisplayEvent): Shown {
  const id = event.kind === 'display' ? (event.display_id ?? null) : null;
  const made: Shown = { kind: 'shown', id, text: bundleText(event.data), data: {}, metadata: {}, version: 0, size: 0 };
  show(made, event);
  return made;
}

/** Let something displayed show other data. */
export function show(part: Shown, { data, metadata }: DisplayEvent): void {
  part.data = data;
  part.metadata = metadata ?? {};
  part.version++;
  part.size = Object.values(data).reduce<number>((sum, value) => sum + sizeOf(value), 0);
}

/** How many newlines of the run's output the part stands for. A second attempt is told of by a line after an empty one. */
export function newlinesOf(part: Part): number {
  switch (part.kind) {
    case 'printed':
      return part.tail.newlines;
    case 'shown':
      return part.text.split('\n').length - 1;
    case 'section':
      return part.attempt ? 2 : 0;
  }
}

function sizeOf(value: unknown): number {
  return typeof value === 'string' ? value.length : (JSON.stringify(value) ?? '').length;
}
