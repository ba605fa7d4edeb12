/** What differs between two of the compared runs: the packages that they found, and their code line by line. */
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { element } from '../look/dom';
import type { Translate } from '../look/words';
import type { Drawn, ReadOnly } from '../pages/readonly';
import { table } from '../pages/tab';
import type { Difference } from '../server/requests';
import type { CompareModel } from './comparemodel';
import { differenceOf } from './query';

const OPEN_AT_ONCE = 5; // more files than these are opened one by one

export class DifferenceSection extends Widget {
  private body: HTMLElement;
  private selects: [HTMLSelectElement, HTMLSelectElement];
  private drawn: Drawn[] = [];
  private asked = 0;

  constructor(
    private model: CompareModel,
    private trans: Translate,
    private readOnly: ReadOnly
  ) {
    super({ node: element('section', 'gpurun-comparediff') });
    const head = element('div', 'gpurun-section-head', this.node);
    element('h2', '', head).textContent = trans.__('Code and packages');
    this.selects = [this.choice(head, trans.__('from')), this.choice(head, trans.__('to'))];
    this.body = element('div', 'gpurun-comparediff-body', this.node);
    model.changed.connect(this.offer, this);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.asked++; // an answer that is still to come is not drawn
      this.drawn.forEach(one => one.dispose());
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.offer();
  }

  private choice(head: HTMLElement, label: string): HTMLSelectElement {
    const field = element('label', '', head);
    element('span', '', field).textContent = label;
    const box = element('div', 'jp-HTMLSelect jp-DefaultStyle', field);
    const select = element('select', '', box);
    select.onchange = () => void this.load();
    return select;
  }

  /** Offer the runs, as soon as there are some: the first beside the second. */
  private offer(): void {
    const runs = this.model.comparison?.runs ?? [];
    if (!runs.length || this.selects[0].options.length) {
      return;
    }
    this.selects.forEach((select, i) => {
      select.append(...runs.map(({ id }, run) => new Option(this.model.labels[run], id)));
      select.value = runs[i].id;
    });
    void this.load();
  }

  private async load(): Promise<void> {
    const asked = ++this.asked;
    const [before, after] = this.selects.map(({ value }) => value);
    try {
      const found = await differenceOf(this.model.server.api, before, after);
      if (asked === this.asked) { // else another pair was chosen meanwhile
        await this.tell(found, asked);
      }
    } catch (error) {
      if (asked === this.asked) {
        this.say(error instanceof Error ? error.message : String(error));
      }
    }
  }

  private async tell({ packages, code, left_out: leftOut }: Difference, asked: number): Promise<void> {
    const { trans } = this;
    this.drawn.splice(0).forEach(one => one.dispose());
    this.body.replaceChildren();
    if (packages.length) {
      const rows = packages.map(({ name, before, after }) => [name, before ?? '–', after ?? '–']);
      this.body.append(table(trans.__('Packages'), [trans.__('Package'), trans.__('From'), trans.__('To')], rows));
    }
    for (const [i, { path, before, after }] of code.entries()) {
      await this.file({ path, before: before ?? '', after: after ?? '' }, i < OPEN_AT_ONCE, asked);
      if (asked !== this.asked) {
        return; // another pair was chosen while it was drawn
      }
    }
    leftOut.forEach(({ path, why }) => this.say(trans.__('%1 differs and is not shown: %2.', path, why)));
    if (!packages.length && !code.length && !leftOut.length) {
      this.say(trans.__('Their code and their packages are the same.'));
    }
  }

  private async file({ path, before, after }: Record<'path' | 'before' | 'after', string>, open: boolean, asked: number): Promise<void> {
    const box = element('details', 'gpurun-compare-file', this.body);
    const label = path === 'cell' ? this.trans.__('The cell') : path;
    element('summary', '', box).textContent = label;
    const host = element('div', 'gpurun-compare-code', box);
    const draw = async () => {
      const drawn = await this.readOnly.compare(host, before, after, path === 'cell' ? 'cell.py' : path, label);
      if (asked === this.asked) {
        this.drawn.push(drawn);
      } else {
        drawn.dispose();
      }
    };
    box.open = open;
    if (open) {
      await draw();
    } else {
      box.addEventListener('toggle', () => void draw(), { once: true });
    }
  }

  private say(text: string): void {
    element('p', 'gpurun-tab-note', this.body).textContent = text;
  }
}
