/** The bar above the table: what is looked for, and a condition with what is wrong about it beneath. */
import { HTMLSelect, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import type { Translate } from '../look/words';
import { Glyph } from '../sidebar/panelparts';
import type { Filters } from './query';
import type { RunsModel } from './runsmodel';

export interface FilterBarOptions {
  model: RunsModel;
  trans: Translate;
  chooseColumns: () => void;
  exportAll: () => void;
  showNews: () => void;
}

export function makeFilterBar(options: FilterBarOptions): ReactWidget {
  const bar = ReactWidget.create(
    <UseSignal signal={options.model.changed}>
      {() => (
        <UseSignal signal={options.model.rows.changed}>{() => <FilterBar {...options} />}</UseSignal>
      )}
    </UseSignal>
  );
  bar.addClass('gpurun-filterbar');
  return bar;
}

function FilterBar({ model, trans, chooseColumns, exportAll, showNews }: FilterBarOptions): JSX.Element {
  const { filters } = model;
  return (
    <>
      <div className="gpurun-filters" role="search" aria-label={trans.__('Filter runs')}>
        <label className="gpurun-field gpurun-field-grows">
          <span>{trans.__('Search')}</span>
          <input
            type="search"
            className="jp-mod-styled"
            placeholder={trans.__('Name, id, tag or message')}
            value={filters.q}
            onChange={event => model.filter({ q: event.target.value }, true)}
          />
        </label>
        <Choice model={model} name="project" label={trans.__('Project')} choices={projects(model, trans)} />
        <Choice model={model} name="state" label={trans.__('State')} choices={states(trans)} />
        <Day model={model} name="after" label={trans.__('From')} />
        <Day model={model} name="before" label={trans.__('To')} />
        <Condition model={model} trans={trans} />
      </div>
      <div className="gpurun-listbar">
        <span className="gpurun-listcount" role="status">
          {countWords(model, trans)}
        </span>
        {model.news && (
          <button type="button" className="gpurun-linklike" onClick={showNews}>
            {trans.__('There are newer runs: show them')}
          </button>
        )}
        {model.isFiltered && (
          <button type="button" className="gpurun-linklike" onClick={() => model.clear()}>
            {trans.__('Clear filters')}
          </button>
        )}
        <span className="gpurun-trouble" role="alert">
          {model.trouble && <Glyph name="warning" />}
          {model.trouble}
        </span>
        <button type="button" className="jp-mod-styled jp-mod-minimal" onClick={chooseColumns}>
          {trans.__('Columns…')}
        </button>
        <button type="button" className="jp-mod-styled jp-mod-minimal" onClick={exportAll} title={trans.__('Download this list as CSV')}>
          {trans.__('Export CSV')}
        </button>
      </div>
    </>
  );
}

function Condition({ model, trans }: { model: RunsModel; trans: Translate }): JSX.Element {
  const id = React.useId();
  return (
    <div className="gpurun-condition">
      <label className="gpurun-field">
        <span>{trans.__('Condition')}</span>
        <input
          type="text"
          className="jp-mod-styled"
          spellCheck={false}
          autoComplete="off"
          placeholder="acc > 0.9 and lr = 0.1"
          value={model.filters.where}
          aria-invalid={!!model.mistake}
          aria-describedby={id}
          onChange={event => model.filter({ where: event.target.value }, true)}
          onKeyDown={event => event.key === 'Enter' && model.filter({})}
        />
      </label>
      <div id={id} className="gpurun-mistake" role="alert">
        {model.mistake && <Glyph name="failed" />}
        {model.mistake}
      </div>
    </div>
  );
}

interface FieldProps {
  model: RunsModel;
  name: keyof Filters;
  label: string;
}

function Choice({ model, name, label, choices }: FieldProps & { choices: [string, string][] }): JSX.Element {
  return (
    <label className="gpurun-field">
      <span>{label}</span>
      <HTMLSelect value={model.filters[name]} onChange={event => model.filter({ [name]: event.target.value })}>
        {choices.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </HTMLSelect>
    </label>
  );
}

function Day({ model, name, label }: FieldProps): JSX.Element {
  return (
    <label className="gpurun-field">
      <span>{label}</span>
      <input
        type="date"
        className="jp-mod-styled"
        value={model.filters[name]}
        onChange={event => model.filter({ [name]: event.target.value })}
      />
    </label>
  );
}

/** The one that is filtered by is a choice even before the server has said which there are. */
function projects(model: RunsModel, trans: Translate): [string, string][] {
  const names = new Set([...model.known.projects, ...(model.filters.project ? [model.filters.project] : [])]);
  return [['', trans.__('All')], ...[...names].map((name): [string, string] => [name, name])];
}

function states(trans: Translate): [string, string][] {
  return [
    ['', trans.__('All')],
    ['queued', trans.__('queued')],
    ['running', trans.__('running')],
    ['succeeded', trans.__('succeeded')],
    ['failed', trans.__('failed')],
    ['cancelled', trans.__('cancelled')],
    ['timed_out', trans.__('timed out')],
    ['lost', trans.__('out of sight')]
  ];
}

function countWords(model: RunsModel, trans: Translate): string {
  const { total } = model.rows;
  return total === null ? trans.__('Asking the server') : trans._n('%2 run', '%2 runs', total, total.toLocaleString('en-US'));
}
