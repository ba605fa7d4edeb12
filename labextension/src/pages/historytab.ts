/** Every change of a run's state: when, to what, by whom, why. */
import { element } from '../look/dom';
import * as format from '../look/format';
import type { StateChange } from '../server/requests';
import { PageParts, Tab, table } from './tab';

export class HistoryTab extends Tab {
  private place = element('div', 'gpurun-tab-body');

  constructor(parts: PageParts) {
    super('history', parts.trans.__('History'), parts);
    this.node.append(this.place);
  }

  protected async load(): Promise<void> {
    const { trans, requests } = this.parts;
    const { history } = await requests.history();
    const heads = [trans.__('When'), trans.__('After'), trans.__('State'), trans.__('By'), trans.__('Why')];
    const rows = history.map((change, i) => this.row(change, history[i - 1]));
    this.place.replaceChildren(table(trans.__('History of the states'), heads, rows));
  }

  private row(change: StateChange, before: StateChange | undefined): string[] {
    return [
      new Date(1000 * change.at).toLocaleString(),
      before ? format.took(change.at - before.at) : '',
      [change.after, change.outcome].filter(part => part).join(', '),
      change.by,
      [change.reason?.replace(/_/g, ' '), change.message].filter(part => part).join(': ')
    ];
  }
}
