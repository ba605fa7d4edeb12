/**
 * From events of a run's log to the text that a terminal would have shown. What has no text (progress, metrics) is drawn
 * elsewhere and adds nothing.
 */
import type { Event, MimeBundle } from './types';

const CLEAR_SCREEN = '\x1b[2J';

/** Whether a cell may show the event itself, outside of the text: a display, the value, the error. */
export function isShown(event: Event): boolean {
  return event.kind === 'result' || event.kind === 'error' || (event.kind === 'display' && !event.update);
}

/** Turns events into terminal text; keeps what one event says about the next. */
export class OutputText {
  private clearNext = false;
  private said = new Set<string>();
  private saidLate = new Map<string, number>(); // by an update: the lines of displays whose beginning was not seen

  /** With `onlyPrinted`, what a cell shows itself is left out. */
  constructor(private onlyPrinted = false) {}

  /** The same place in the same log, perhaps with less shown. */
  copy(onlyPrinted: boolean): OutputText {
    const made = new OutputText(onlyPrinted);
    made.clearNext = this.clearNext;
    made.said = new Set(this.said);
    return made;
  }

  /** The text of these displays stands in what came before; how many lines of theirs were said again since. */
  haveSaid(displays: readonly string[]): number {
    displays.forEach(id => this.said.add(id));
    return displays.reduce((sum, id) => sum + (this.saidLate.get(id) ?? 0), 0);
  }

  of(events: readonly Event[]): string {
    return events.map(event => this.ofOne(event)).join('');
  }

  private ofOne(event: Event): string {
    if (event.kind === 'clear') {
      this.clearNext = event.wait === true;
      return this.clearNext ? '' : CLEAR_SCREEN;
    }
    const text = event.kind === 'display' ? this.ofDisplay(event) : this.onlyPrinted && isShown(event) ? '' : plainText(event);
    if (!text || !this.clearNext) {
      return text;
    }
    this.clearNext = false;
    return CLEAR_SCREEN + text;
  }

  /** A display says its text once, when it first has one: a bar has none before it has ended. */
  private ofDisplay({ data, display_id: id, update }: Event & { kind: 'display' }): string {
    if (id && !update) {
      this.said.delete(id); // another display of that id
    }
    const known = id ? this.said.has(id) : update;
    const text = this.onlyPrinted || known ? '' : bundleText(data);
    if (id && text) {
      this.said.add(id);
      if (update) {
        this.saidLate.set(id, text.split('\n').length - 1);
      }
    }
    return text;
  }
}

function plainText(event: Event): string {
  switch (event.kind) {
    case 'start':
      return event.attempt > 1 ? `\n\x1b[2m— attempt ${event.attempt} —\x1b[0m\n` : '';
    case 'output':
      return event.text;
    case 'error':
      return errorText(event);
    case 'result':
      return bundleText(event.data);
    default:
      return '';
  }
}

/** The traceback, with its colours. */
export function errorText({ name, value, traceback }: Event & { kind: 'error' }): string {
  return `${traceback.join('\n') || `${name}: ${value}`}\x1b[0m\n`; // it may leave its colours on
}

/** What stands for a displayed object where there is text only; it ends its line, unless it is empty. */
export function bundleText(data: MimeBundle): string {
  const plain = data['text/plain'];
  const text = Array.isArray(plain) ? plain.join('') : plain;
  return typeof text === 'string' && text ? text.replace(/\n?$/, '\n') : '';
}
