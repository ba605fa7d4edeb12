/**
 * What the page knows of one watched run: the run, its last lines of output, and the place in its log up to which that is
 * so. Every view of the run draws from the same feed, so that two views cost one.
 */
import { LineTail } from './lines';
import { News } from './news';
import { isShown, OutputText } from './output';
import type { Frame, Run, ServerError } from './types';

const START_OF_LOG = '1:0';

/** Which part of a feed is new. */
export type Part = 'run' | 'output' | 'error';

export type FeedListener = (part: Part) => void;

export class RunFeed {
  /** The whole output, and without what a cell may show itself (`shown` counts that). */
  readonly tail = new LineTail();
  readonly printed = new LineTail();
  shown = 0;
  readonly listeners = new Set<FeedListener>();
  cursor = START_OF_LOG;
  error: ServerError | null = null;
  private told: Run | null = null;
  private news = new News();
  private text = new OutputText();
  private printedText = new OutputText(true);

  constructor(readonly id: string) {}

  /** The run as it is now: as the server told it, with what its log has said since. */
  get run(): Run | null {
    return this.told && this.news.addTo(this.told);
  }

  /** Take a frame that is about this run. */
  take(frame: Frame): void {
    switch (frame.type) {
      case 'run':
        this.told = frame.run;
        this.error = null;
        return this.tell('run');
      case 'error':
        this.error = frame.error;
        return this.tell('error');
      case 'events':
        this.cursor = frame.cursor;
        this.tail.feed(this.text.of(frame.events));
        this.printed.feed(this.printedText.of(frame.events));
        this.shown += frame.events.filter(isShown).length;
        if (this.news.take(frame.events)) {
          this.tell('run');
        }
        return this.tell('output');
    }
  }

  private tell(part: Part): void {
    for (const listener of [...this.listeners]) {
      listener(part);
    }
  }
}
