/** Runs within runs: whose code logs this one, and which are logged by its own. */
import { element, setText } from '../look/dom';
import * as format from '../look/format';
import { drawing } from '../look/glyphs';
import { dots, glyphOf, stateName } from '../look/sentences';
import { RunRequests } from '../server/requests';
import type { Stop } from '../server/live';
import type { Run } from '../server/types';
import type { PageParts } from './tab';

const MOST = 100;
const FEW = 5; // are shown at once

export class NestedRuns {
  readonly node = element('div', 'gpurun-nested');
  private parent = element('p', 'gpurun-nested-parent', this.node);
  private box = element('details', '', this.node);
  private title = element('summary', '', this.box);
  private list = element('ul', '', this.box);
  private rows = new Map<string, HTMLElement>();
  private known = new Map<string, Run>();
  private hasMore = false;
  private isLoaded = false;
  private unwatch: Stop | null = null;

  constructor(private parts: PageParts) {
    this.parent.hidden = this.box.hidden = true;
  }

  /** Show both, and follow the runs within this one. */
  async load(run: Run): Promise<void> {
    if (this.isLoaded) {
      return;
    }
    this.isLoaded = true;
    const { server, requests, trans } = this.parts;
    if (run.parent) {
      this.parent.hidden = false;
      setText(this.parent, trans.__('Nested in '));
      this.parent.append(this.link(run.parent, await this.nameOf(run.parent)));
    }
    const { runs, next } = await requests.nested(MOST);
    this.hasMore = next !== null;
    this.take(runs);
    this.unwatch ??= server.live.watchRuns(changed => this.take(changed.filter(({ parent }) => parent === run.id)));
  }

  dispose(): void {
    this.unwatch?.();
  }

  private async nameOf(id: string): Promise<string> {
    try {
      return (await new RunRequests(this.parts.server.api, id).run()).name;
    } catch {
      return id; // it was deleted
    }
  }

  private take(runs: Run[]): void {
    if (runs.length) {
      runs.forEach(run => (run.deleted ? this.known.delete(run.id) : this.known.set(run.id, run)));
      this.draw();
    }
  }

  private draw(): void {
    const { trans } = this.parts;
    const runs = [...this.known.values()].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
    const count = `${runs.length}${this.hasMore ? '+' : ''}`;
    if (this.box.hidden) { // a person may close it later
      this.box.open = runs.length <= FEW;
    }
    this.box.hidden = !runs.length;
    setText(this.title, trans.__('Nested runs (%1)', count));
    this.rows.forEach((row, id) => this.known.has(id) || (row.remove(), this.rows.delete(id)));
    this.list.append(...runs.map(run => this.row(run)));
  }

  private row(run: Run): HTMLElement {
    const { trans } = this.parts;
    let row = this.rows.get(run.id);
    if (!row) {
      row = element('li', '');
      row.append(drawing(glyphOf(run)), this.link(run.id, run.name), element('span', 'gpurun-nested-words'));
      this.rows.set(run.id, row);
    }
    const [metric] = Object.entries(run.metrics).map(([name, { last }]) => `${name} ${format.value(last)}`);
    row.firstElementChild!.replaceWith(drawing(glyphOf(run)));
    setText(row.lastElementChild as HTMLElement, dots(stateName(run, trans), metric));
    return row;
  }

  private link(id: string, name: string): HTMLElement {
    const link = element('button', 'gpurun-linklike');
    link.type = 'button';
    link.textContent = name;
    link.addEventListener('click', () => this.parts.command('gpurun:open-run', { run: id })?.());
    return link;
  }
}
