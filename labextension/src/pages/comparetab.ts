/** What differs from the run before: parameters, packages, code. */
import { element } from '../look/dom';
import * as format from '../look/format';
import type { Change, CodeChange, Difference } from '../server/requests';
import type { Run } from '../server/types';
import type { Drawn, ReadOnly } from './readonly';
import { note, PageParts, Tab, table } from './tab';

const OPEN_AT_ONCE = 20; // more files than these are opened one by one

export class CompareTab extends Tab {
  private place = element('div', 'gpurun-tab-body');
  private drawn: Drawn[] = [];

  constructor(
    parts: PageParts,
    private readOnly: ReadOnly
  ) {
    super('compare', parts.trans.__('Compare with previous'), parts);
    this.node.append(this.place);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.clear();
      super.dispose();
    }
  }

  protected async load(): Promise<void> {
    const { requests, trans } = this.parts;
    const { run: before } = await requests.previous();
    const difference = before && (await requests.difference(before.id));
    this.clear();
    if (!before || !difference) {
      note(this.place, trans.__('There is no run before this one: none of yours comes from the same cell or script.'));
      return;
    }
    this.place.append(this.head(before));
    this.place.append(...this.values(trans.__('Metrics'), this.metrics(before)));
    this.place.append(...this.values(trans.__('Parameters'), difference.parameters));
    await this.code(difference);
    this.place.append(...this.values(trans.__('Packages'), difference.packages));
  }

  private clear(): void {
    this.drawn.forEach(one => one.dispose());
    this.drawn = [];
    this.place.replaceChildren();
  }

  private head(before: Run): HTMLElement {
    const line = element('p', 'gpurun-compare-head');
    const open = this.parts.command('gpurun:open-run', { run: before.id });
    const name = element(open ? 'button' : 'span', 'gpurun-linklike');
    name.textContent = before.name;
    name.title = before.id;
    if (open) {
      name.addEventListener('click', open);
    }
    const when = format.ago(Date.now() / 1000 - before.created_at, this.parts.trans);
    line.append(this.parts.trans.__('The run before:'), ' ', name, ` · ${when}`);
    return line;
  }

  private metrics(before: Run): Change[] {
    const names = [...new Set([...Object.keys(before.metrics), ...Object.keys(this.run?.metrics ?? {})])].sort();
    const of = (run: Run | null, name: string) => (run?.metrics[name] ? format.value(run.metrics[name].last) : null);
    return names
      .map(name => ({ name, before: of(before, name), after: of(this.run, name) }))
      .filter(change => change.before !== change.after);
  }

  private values(title: string, changes: readonly Change[]): HTMLElement[] {
    const { trans } = this.parts;
    const head = element('h3', 'gpurun-tab-title');
    head.textContent = title;
    if (!changes.length) {
      const same = element('p', 'gpurun-tab-note');
      same.textContent = trans.__('No difference.');
      return [head, same];
    }
    const rows = changes.map(({ name, before, after }) => [name, before ?? '–', after ?? '–']);
    return [head, table(title, [trans.__('Name'), trans.__('Before'), trans.__('Now')], rows)];
  }

  private async code({ code, left_out: leftOut }: Difference): Promise<void> {
    const { trans } = this.parts;
    const head = element('h3', 'gpurun-tab-title', this.place);
    head.textContent = trans.__('Code');
    if (!code.length && !leftOut.length) {
      note(this.place, trans.__('No difference.'));
    }
    for (const [i, change] of code.entries()) {
      await this.file(change, i < OPEN_AT_ONCE);
    }
    for (const { path, why } of leftOut) {
      note(this.place, trans.__('%1 differs and is not shown: %2.', path, why));
    }
  }

  private async file(change: CodeChange, open: boolean): Promise<void> {
    const { trans } = this.parts;
    const box = element('details', 'gpurun-compare-file', this.place);
    const title = element('summary', '', box);
    const label = change.path === 'cell' ? trans.__('The cell') : change.path;
    const how = change.before === null ? trans.__('new') : change.after === null ? trans.__('gone') : '';
    title.textContent = how ? `${label} (${how})` : label;
    const host = element('div', 'gpurun-compare-code', box);
    const draw = async () => {
      const fileName = change.path === 'cell' ? 'cell.py' : change.path;
      this.drawn.push(await this.readOnly.compare(host, change.before ?? '', change.after ?? '', fileName, label));
    };
    box.open = open;
    if (open) {
      await draw();
    } else {
      box.addEventListener('toggle', () => void draw(), { once: true }); // while it is closed it has no width to be laid out in
    }
  }
}
