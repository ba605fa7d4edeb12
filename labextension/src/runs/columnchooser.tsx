/** A dialog in which a person chooses the columns of the table. */
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import React from 'react';
import type { Translate } from '../look/words';
import type { Column } from './cells';

/** Ask which columns are to be shown; null where the person leaves it as it is. Those that were shown keep their order. */
export async function chooseColumns(all: Column[], shown: string[], trans: Translate): Promise<string[] | null> {
  const body = new Chooser(all, shown, trans);
  const answer = await showDialog({
    title: trans.__('Columns'),
    body,
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.okButton({ label: trans.__('Show') })]
  });
  return answer.button.accept ? (answer.value as string[]) : null;
}

class Chooser extends ReactWidget {
  private chosen: Set<string>;

  constructor(
    private all: Column[],
    shown: string[],
    private trans: Translate
  ) {
    super();
    this.chosen = new Set(shown);
    this.addClass('gpurun-columnchooser');
  }

  getValue(): string[] {
    const kept = [...this.chosen];
    return kept.length ? kept : ['name'];
  }

  protected render(): JSX.Element {
    const { trans } = this;
    const of = (prefix: string) => this.all.filter(({ key }) => key.startsWith(prefix));
    const runs = this.all.filter(({ key }) => !key.includes('.'));
    return (
      <>
        <Group title={trans.__('Run')} columns={runs} chosen={this.chosen} />
        <Group title={trans.__('Metrics')} columns={of('metric.')} chosen={this.chosen} />
        <Group title={trans.__('Parameters')} columns={of('param.')} chosen={this.chosen} />
      </>
    );
  }
}

function Group({ title, columns, chosen }: { title: string; columns: Column[]; chosen: Set<string> }): JSX.Element | null {
  return columns.length ? (
    <fieldset>
      <legend>{title}</legend>
      {columns.map(({ key, label }) => (
        <label key={key}>
          <input
            type="checkbox"
            defaultChecked={chosen.has(key)}
            onChange={event => (event.target.checked ? chosen.add(key) : chosen.delete(key))}
          />
          {label}
        </label>
      ))}
    </fieldset>
  ) : null;
}
