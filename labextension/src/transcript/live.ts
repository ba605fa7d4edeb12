/** A run's transcript, kept up to date by the run's feed; what came before the lines that it has is asked for when wanted. */
import { LogReader, RunFeed, START_OF_LOG } from '../server/feed';
import type { RunRequests } from '../server/requests';
import type { Event } from '../server/types';
import { MOST_LINES } from '../terminal/lines';
import { Transcript } from './transcript';

/** So many lines are kept while a person reads further up. */
export const MOST_HELD = 50_000;

export class LiveTranscript implements LogReader {
  transcript = new Transcript(START_OF_LOG);
  /** Why what came before cannot be had, as a sentence. */
  problem = '';
  private reading = false;
  private asked: Transcript | null = null; // the one of which the beginning was asked for
  private waiting: { events: readonly Event[]; cursor: string }[] | null = null;

  constructor(
    private feed: RunFeed,
    private requests: RunRequests,
    private changed: () => void
  ) {
    feed.readers.add(this);
    if (feed.place !== null) {
      void this.catchUp(feed.place); // another view has followed the run for a while
    }
  }

  dispose(): void {
    this.feed.readers.delete(this);
  }

  begin(cursor: string): void {
    this.transcript = new Transcript(cursor);
  }

  restart(): void {
    this.waiting = null;
    this.begin(START_OF_LOG);
  }

  take(events: readonly Event[], cursor: string): void {
    if (this.waiting) {
      this.waiting.push({ events, cursor }); // what stands before is still on its way
    } else {
      this.transcript.take(events, cursor);
      this.trim();
    }
  }

  /** Whether a person reads further up: then what was read stays, up to a limit. */
  setReading(reading: boolean): void {
    this.reading = reading;
    this.trim();
  }

  /** Whether there is something before that may be asked for. */
  get hasEarlier(): boolean {
    return this.transcript.front !== null && !this.isFull;
  }

  /** Whether so much is held that no more is asked for. */
  get isFull(): boolean {
    return this.transcript.lines >= MOST_HELD;
  }

  /** Ask for what came before, and put it in front. */
  async loadEarlier(): Promise<void> {
    const { transcript } = this;
    const { front } = transcript;
    if (!front || this.isFull || this.asked === transcript) {
      return;
    }
    this.asked = transcript;
    const earlier = await this.before(front.cursor, front.newlines + MOST_LINES); // the first of these are here already, and come once more
    this.asked = null;
    const now = transcript.front; // may have moved on meanwhile
    if (earlier && now?.cursor === front.cursor && transcript === this.transcript) {
      transcript.prepend(earlier, now);
    }
    this.changed();
  }

  private async catchUp(place: string): Promise<void> {
    const waiting = (this.waiting = []);
    const found = await this.before(place, MOST_LINES);
    if (this.waiting === waiting) { // else the feed has begun again meanwhile
      this.waiting = null;
      this.transcript = found ?? new Transcript(place);
      waiting.forEach(({ events, cursor }) => this.take(events, cursor));
      this.changed();
    }
  }

  private async before(place: string, lines: number): Promise<Transcript | null> {
    try {
      const { cursor, events } = await this.requests.eventsBefore(place, lines);
      const found = new Transcript(events.length ? cursor : START_OF_LOG); // nothing stands before
      found.take(events, place);
      this.problem = '';
      return found;
    } catch (error) {
      this.problem = (error as Error).message;
      return null;
    }
  }

  private trim(): void {
    this.transcript.trim(this.reading ? MOST_HELD : MOST_LINES);
  }
}
