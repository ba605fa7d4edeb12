/** The output of a run, followed while it grows, and searched: what is no longer kept here, by the server. */
import { element, setText } from '../look/dom';
import { LogBox } from '../runview/logbox';
import type { RunFeed } from '../server/feed';
import type { Stop } from '../server/live';
import { LineTail } from '../terminal/lines';
import { Search } from './search';
import { PageParts, Tab } from './tab';

const AROUND = 250; // lines before and after one that is not kept here

export class OutputTab extends Tab {
  private feed: RunFeed;
  private stop: Stop;
  private log: LogBox;
  private search: Search;
  private elsewhere: LineTail | null = null; // lines from further up, in the place of the last ones
  private window = element('p', 'gpurun-output-window');
  private empty = element('p', 'gpurun-tab-note');

  constructor(parts: PageParts) {
    super('output', parts.trans.__('Output'), parts);
    const { server, requests, trans } = parts;
    const { feed, stop } = server.live.watchRun(requests.id, () => this.changed());
    this.feed = feed;
    this.stop = stop;
    this.search = new Search(parts, feed, line => void this.goTo(line));
    this.log = new LogBox({
      tail: feed.tail,
      trans,
      logUrl: server.api.logUrl(requests.id),
      onFollow: () => this.toEnd()
    });
    this.window.setAttribute('role', 'status');
    this.empty.textContent = trans.__('It has printed nothing yet.');
    this.node.append(this.search.node, this.window, this.empty, this.log.node);
    this.node.addEventListener('keydown', event => this.keyDown(event));
    this.toEnd();
    this.changed();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.stop();
      this.search.dispose();
      this.log.dispose();
      super.dispose();
    }
  }

  /** Begin to search. */
  find(): void {
    this.search.focus();
  }

  protected async load(): Promise<void> {
    this.log.redraw();
  }

  private changed(): void {
    this.empty.hidden = this.feed.tail.length > 0;
    if (this.log && !this.elsewhere) {
      this.log.showTail(this.feed.tail);
      this.log.redraw();
    }
  }

  /** Show a line by its number from 0, wherever it is. */
  private async goTo(line: number | null): Promise<void> {
    const { tail } = this.feed;
    const first = tail.total - tail.length;
    if (line === null) {
      this.log.markLine(null);
    } else if (line >= first && tail.sureness === 'exact') {
      this.showLast();
      this.log.markLine(line - first);
    } else {
      await this.fetch(line);
    }
  }

  private async fetch(line: number): Promise<void> {
    const first = Math.max(0, line - AROUND);
    const text = await this.parts.requests.lines(first, 2 * AROUND + 1);
    const found = new LineTail();
    found.feed(text);
    found.setBefore(first, true);
    this.elsewhere = found;
    this.window.hidden = false;
    const [from, to] = [first + 1, first + found.length].map(number => number.toLocaleString('en-US'));
    setText(this.window, this.parts.trans.__('Lines %1 to %2 of the output', from, to));
    this.log.showTail(found);
    this.log.markLine(line - first);
  }

  private showLast(): void {
    this.elsewhere = null;
    this.window.hidden = true;
    this.log.showTail(this.feed.tail);
  }

  private toEnd(): void {
    this.showLast();
    this.log.markLine(null);
  }

  private keyDown(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === 'f') {
      event.preventDefault();
      event.stopPropagation();
      this.find();
    }
  }
}
