/**
 * What the page knows of one watched run: the run, its last lines of output, and the place in its log up to which that is
 * so. Every view of the run draws from the same feed, so that two views cost one.
 */
import { LineTail, MOST_LINES } from '../terminal/lines';
import { News } from './news';
import { isShown, OutputText } from './output';
import type { Event, Facts, Frame, Run, ServerError } from './types';

/** Of a long log only the end is asked for; the server says what stands before. */
const LAST_LINES = `tail:${MOST_LINES}`;

/** Which part of a feed is new. */
export type Part = 'run' | 'output' | 'error';

export type FeedListener = (part: Part) => void;

/** Is given the log itself, as it comes. */
export interface LogReader {
  /** The log is read from this place on. */
  begin(cursor: string): void;
  /** The next events, and the place after them. */
  take(events: readonly Event[], cursor: string): void;
  /** All that was given so far comes again. */
  restart(): void;
}

export const START_OF_LOG = '1:0';

export class RunFeed {
  /** The whole output. */
  tail = new LineTail();
  /** How many displays, values and errors the run has shown. */
  shown = 0;
  readonly listeners = new Set<FeedListener>();
  readonly readers = new Set<LogReader>();
  /** The place of the log up to which it was read; null before anything was. */
  place: string | null = null;
  error: ServerError | null = null;
  private cursor = LAST_LINES;
  private counting = false;
  private told: Run | null = null;
  private news = new News();
  private text = new OutputText();
  private apart: { tail: LineTail; text: OutputText } | null = null;

  constructor(readonly id: string) {}

  /** The run as it is now: as the server told it, with what its log has said since. */
  get run(): Run | null {
    return this.told && this.news.addTo(this.told);
  }

  get facts(): Facts {
    return this.news.facts;
  }

  /** The output without what a cell may show itself; the same until there is something of that kind. */
  get printed(): LineTail {
    return this.apart?.tail ?? this.tail;
  }

  /** From where on a new connection has to watch the run. */
  resume(): string {
    if (this.counting) {
      this.restart(); // the answer to the question what stands before is lost with the connection
    }
    return this.cursor;
  }

  /** Take a frame that is about this run. */
  take(frame: Frame): void {
    switch (frame.type) {
      case 'run':
        this.told = frame.run;
        this.error = null; // the run is told of again: what was wrong is over
        return this.tell('run');
      case 'error':
        if (frame.error.code === 'no_such_place' && this.told?.state === 'finished') {
          return; // what an old run printed was pruned; what is shown of it holds
        }
        this.error = frame.error;
        return this.tell('error');
      case 'before':
        this.begin(frame.cursor);
        this.takeBefore(frame);
        this.tell('run');
        return this.tell('output');
      case 'events':
        this.begin(START_OF_LOG); // nothing was said to stand before it
        this.cursor = this.place = frame.cursor;
        this.takeEvents(frame.events);
        this.readers.forEach(reader => reader.take(frame.events, frame.cursor));
        return this.tell('output');
    }
  }

  private takeBefore(before: Frame & { type: 'before' }): void {
    this.counting = before.lines === undefined;
    if (before.lines === undefined) {
      return this.setBefore(null, null, true);
    }
    const again = this.text.haveSaid(before.said ?? []); // lines that stand there, and came once more since
    this.setBefore(before.lines, Math.max(0, (before.shown_lines ?? 0) - again), before.exact ?? true);
    this.shown += before.shown ?? 0;
    this.news.takeBefore(before);
  }

  private setBefore(printed: number | null, shown: number | null, exact: boolean): void {
    if (shown) {
      this.setApart();
    }
    this.apart?.tail.setBefore(printed, exact);
    this.tail.setBefore(printed === null ? null : printed + (shown ?? 0), exact);
  }

  private takeEvents(events: readonly Event[]): void {
    const shown = events.filter(isShown).length;
    const some = shown > 0 && !this.apart;
    if (some) {
      this.setApart(); // before these are fed: the two differ from here on
    }
    this.shown += shown;
    this.tail.feed(this.text.of(events));
    this.apart?.tail.feed(this.apart.text.of(events));
    if (this.news.take(events) || some) { // views choose between the two outputs when they hear of the run
      this.tell('run');
    }
  }

  /** Only what comes first says where the log is read from. */
  private begin(cursor: string): void {
    if (this.place === null) {
      this.place = cursor;
      this.readers.forEach(reader => reader.begin(cursor));
    }
  }

  /** From now on keep two outputs, with and without what a cell may show itself. Most runs have one. */
  private setApart(): void {
    this.apart ??= { tail: this.tail.copy(), text: this.text.copy(true) };
  }

  private restart(): void {
    this.cursor = LAST_LINES;
    this.place = null;
    this.counting = false;
    this.shown = 0;
    this.news = new News();
    this.text = new OutputText();
    this.apart = null;
    this.tail = new LineTail(); // another one: views take it when they hear of the run, below
    this.readers.forEach(reader => reader.restart());
    this.tell('run');
  }

  private tell(part: Part): void {
    for (const listener of [...this.listeners]) { // a copy: who is told may stop listening
      listener(part);
    }
  }
}
