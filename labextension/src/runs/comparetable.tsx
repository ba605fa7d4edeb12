/** Runs side by side in a table: what differs, and with a switch what is equal, too. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import * as format from '../look/format';
import { glyphOf, stateName } from '../look/sentences';
import type { Translate } from '../look/words';
import type { MetricSummary, Run } from '../server/types';
import { Glyph } from '../sidebar/panelparts';
import type { CompareModel } from './comparemodel';
import type { Line } from './query';

export interface CompareTableOptions {
  model: CompareModel;
  trans: Translate;
  openRun: (id: string) => void;
}

export function makeCompareTable(options: CompareTableOptions): ReactWidget {
  const table = ReactWidget.create(
    <UseSignal signal={options.model.changed}>{() => <CompareTable {...options} />}</UseSignal>
  );
  table.addClass('gpurun-comparetable');
  return table;
}

function CompareTable({ model, trans, openRun }: CompareTableOptions): JSX.Element {
  const { comparison } = model;
  if (!comparison) {
    return <></>;
  }
  const sections: [string, Line<string>[]][] = [
    [trans.__('Parameters'), comparison.parameters],
    [trans.__('Metrics'), comparison.metrics.map(asTexts)],
    [trans.__('Environment'), comparison.environment],
    [trans.__('Options'), comparison.spec]
  ];
  const shown = sections
    .map(([title, lines]): [string, Line<string>[]] => [title, model.showsAll ? lines : lines.filter(differs)])
    .filter(([, lines]) => lines.length);
  return (
    <>
      <div className="gpurun-section-head">
        <h2>{trans.__('Side by side')}</h2>
        <label>
          <input type="checkbox" checked={model.showsAll} onChange={event => model.set({ showsAll: event.target.checked })} />
          {trans.__('Show what is equal, too')}
        </label>
      </div>
      <div className="gpurun-scrolls" tabIndex={0} role="region" aria-label={trans.__('Runs side by side')}>
        <table>
          <Head runs={comparison.runs} trans={trans} openRun={openRun} />
          {shown.map(([title, lines]) => (
            <Section key={title} title={title} lines={lines} runs={comparison.runs} />
          ))}
        </table>
        {!shown.length && <p>{trans.__('They do not differ.')}</p>}
      </div>
    </>
  );
}

function Head({ runs, trans, openRun }: { runs: Run[]; trans: Translate; openRun: (id: string) => void }): JSX.Element {
  return (
    <thead>
      <tr>
        <td />
        {runs.map(run => (
          <th key={run.id} scope="col" data-state={run.outcome ?? run.state}>
            <button type="button" className="gpurun-linklike" title={trans.__('Open %1', run.id)} onClick={() => openRun(run.id)}>
              {run.name}
            </button>
            <span className="gpurun-compare-state">
              <Glyph name={glyphOf(run)} />
              {stateName(run, trans)}
            </span>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Section({ title, lines, runs }: { title: string; lines: Line<string>[]; runs: Run[] }): JSX.Element {
  return (
    <tbody>
      <tr className="gpurun-compare-title">
        <th scope="colgroup" colSpan={runs.length + 1}>
          {title}
        </th>
      </tr>
      {lines.map(line => (
        <tr key={line.name} data-differs={differs(line)}>
          <th scope="row">{line.name}</th>
          {line.values.map((value, i) => (
            <td key={runs[i].id}>{value ?? '–'}</td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

function asTexts({ name, values }: Line<MetricSummary>): Line<string> {
  return { name, values: values.map(metric => metric && format.value(metric.last)) };
}

function differs({ values }: Line<string>): boolean {
  return new Set(values).size > 1;
}
