/**
 * What a run has shown, followed while it goes on and searched: text, and the figures and tables between it. What is no
 * longer kept here is fetched when somebody scrolls up to it, and searched by the server.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import { element, setText } from '../look/dom';
import { LogBox } from '../runview/logbox';
import type { Counted } from '../runview/sheet';
import type { RunFeed } from '../server/feed';
import type { Stop } from '../server/live';
import type { Translate } from '../look/words';
import { isLive } from '../server/types';
import { Displays } from '../transcript/displays';
import { LiveTranscript, MOST_HELD } from '../transcript/live';
import { OutputSheet } from '../transcript/sheet';
import { MOST_SHOWN, Transcript } from '../transcript/transcript';
import { Search } from './search';
import { pageButton, PageParts, Tab } from './tab';

const AROUND = 250; // lines before and after one that is not kept here
const NEAR_TOP = 2; // windows above what is in sight: then what comes before is asked for

export class OutputTab extends Tab {
  private feed: RunFeed;
  private stop: Stop;
  private live: LiveTranscript;
  private displays: Displays;
  private log: LogBox;
  private search: Search;
  private elsewhere: { transcript: Transcript; first: number } | null = null; // from further up, in the place of the end
  private top = element('div', 'gpurun-output-top');
  private window = element('span', 'gpurun-output-window');
  private earlier: HTMLButtonElement;
  private empty = element('p', 'gpurun-tab-note');
  private isPruned = false;

  constructor(parts: PageParts, registry: IRenderMimeRegistry) {
    super('output', parts.trans.__('Output'), parts);
    const { server, requests, trans } = parts;
    const { feed, stop } = server.live.watchRun(requests.id, () => this.changed());
    this.feed = feed;
    this.stop = stop;
    this.live = new LiveTranscript(feed, requests, () => this.changed());
    this.displays = new Displays(registry, trans, () => this.log.redraw());
    this.search = new Search(parts, text => this.findHere(text), line => void this.goTo(line));
    const { displays } = this;
    this.log = new LogBox({
      sheet: new OutputSheet({ transcript: () => this.transcript, told: () => this.told(), displays, trans }),
      trans,
      logUrl: server.api.logUrl(requests.id),
      onFollow: () => this.showLast(),
      onScroll: () => this.scrolled()
    });
    this.earlier = pageButton(trans.__('Earlier output'), () => this.toEarlier());
    this.window.setAttribute('role', 'status');
    this.top.append(this.window, this.earlier);
    this.empty.textContent = trans.__('It has printed nothing yet.');
    this.addClass('gpurun-lines');
    this.node.append(this.search.node, this.top, this.empty, this.log.node);
    this.changed();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.stop();
      this.live.dispose();
      this.search.dispose();
      this.log.dispose();
      this.displays.dispose();
      super.dispose();
    }
  }

  protected onBeforeDetach(message: Message): void {
    this.displays.detach();
    super.onBeforeDetach(message);
  }

  /** Begin to search. */
  find(): void {
    this.search.focus();
  }

  /** Of a run that is over, say so where its output was removed. */
  protected async load(): Promise<void> {
    this.log.redraw();
    if (this.run && !isLive(this.run)) {
      const { trans, requests } = this.parts;
      this.isPruned = !!(await requests.run()).pruned_at;
      this.empty.textContent = this.isPruned ? prunedWords(trans) : trans.__('It has printed nothing.');
      this.changed();
    }
  }

  private get transcript(): Transcript {
    return this.elsewhere?.transcript ?? this.live.transcript;
  }

  private told(): Omit<Counted, 'length'> {
    const { total, sureness } = this.feed.tail;
    return { total, sureness, isFurtherUp: this.elsewhere !== null };
  }

  private changed(): void {
    if (this.log) {
      this.empty.hidden = this.feed.tail.length > 0 || this.transcript.parts.length > 1;
      this.tellWhere();
      this.log.redraw();
    }
  }

  /** Say which part of the output this is, where it is not all of it. */
  private tellWhere(): void {
    const { transcript } = this;
    const hasEarlier = !this.elsewhere && this.live.hasEarlier;
    const pruned = this.isPruned && this.empty.hidden ? prunedWords(this.parts.trans) : '';
    setText(this.window, [pruned, this.whichLines(), foldedWords(transcript, this.parts)].filter(words => words).join(' '));
    this.earlier.hidden = !hasEarlier;
    this.top.hidden = !hasEarlier && !this.window.textContent;
  }

  private whichLines(): string {
    const { trans } = this.parts;
    if (this.elsewhere) {
      const { first, transcript } = this.elsewhere;
      const [from, to] = [first + 1, first + transcript.lines].map(number => number.toLocaleString('en-US'));
      return trans.__('Lines %1 to %2 of the output', from, to);
    }
    if (this.live.problem) {
      return this.live.problem;
    }
    return this.live.isFull && this.live.transcript.front
      ? trans.__('No more than %1 lines are kept here: search for what came before.', MOST_HELD.toLocaleString('en-US'))
      : '';
  }

  private scrolled(): void {
    if (!this.elsewhere) {
      this.live.setReading(!this.log.isFollowing);
      if (!this.log.isFollowing && this.log.windowsAbove < NEAR_TOP) {
        void this.live.loadEarlier();
      }
    }
  }

  private toEarlier(): void {
    this.live.setReading(true);
    this.log.toTop();
    void this.live.loadEarlier();
  }

  /** The number of the first line that is here; null where the server counts others. */
  private get firstLine(): number | null {
    const { tail } = this.feed;
    const { transcript } = this.live;
    return tail.sureness === 'exact' && !transcript.hasGaps ? Math.max(0, tail.total - transcript.lines) : null;
  }

  /** The numbers of the lines with a text, where all lines are here. */
  private findHere(text: string): number[] | null {
    const { transcript } = this.live;
    return transcript.front ? null : transcript.find(text);
  }

  /** Show a line by its number from 0, wherever it is. */
  private async goTo(line: number | null): Promise<void> {
    const first = this.live.transcript.front ? this.firstLine : 0; // where all lines are here, none needs to be counted
    if (line === null) {
      this.log.markLine(null);
    } else if (first !== null && line >= first) {
      this.elsewhere = null;
      this.live.setReading(true); // at once: what would be trimmed in between has been counted
      this.changed();
      this.log.markLine(line - first);
    } else {
      await this.fetch(line);
    }
  }

  private async fetch(line: number): Promise<void> {
    const first = Math.max(0, line - AROUND);
    const { events, cursor, line: begin } = await this.parts.requests.eventsOfLines(first, 2 * AROUND + 1);
    const transcript = new Transcript(cursor);
    transcript.take(events, ''); // nobody reads on from its end
    transcript.keep(first - begin, 2 * AROUND + 1);
    this.elsewhere = { transcript, first };
    this.changed();
    this.log.markLine(line - first);
  }

  /** The end again, and no line of it marked. */
  private showLast(): void {
    this.elsewhere = null;
    this.log.markLine(null);
    this.live.setReading(false);
    this.changed();
  }
}

function prunedWords(trans: Translate): string {
  return trans.__('What it printed and left was removed to make room (gpurun prune); metrics and configuration are kept.');
}

function foldedWords({ folded }: Transcript, { trans }: PageParts): string {
  const most = MOST_SHOWN.toLocaleString('en-US');
  return folded ? trans._n('The last %2 displays are drawn; the one before is text.', 'The last %2 displays are drawn; the %1 before are text.', folded, most) : '';
}
