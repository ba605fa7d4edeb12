/** The RUNS section of the sidebar: what is at work and what is over, and a search through all runs there are. */
import { InputGroup } from '@jupyterlab/ui-components';
import React from 'react';
import type { Translate } from '../look/words';
import { isLive, Run } from '../server/types';
import type { PanelModel } from './panelmodel';
import { Buttons, useClock } from './panelparts';
import { RunActions, RunRow } from './runrow';
import { useSearch } from './runssearch';

export interface RunsListProps extends RunActions {
  model: PanelModel;
  /** How many of those that are over are listed. */
  most: number;
  buttons: Buttons;
}

export function RunsList(props: RunsListProps): JSX.Element {
  const { model, trans, most, buttons } = props;
  const [asked, setAsked] = React.useState('');
  const search = useSearch(model, asked);
  if (!model.runs.length) {
    return model.loaded.runs ? <NoRuns trans={trans} onInsert={buttons.onInsert} /> : <div />;
  }
  const shown = search ? search.runs : listed(model.started, most);
  return (
    <div className="gpurun-runs-body">
      <div className="gpurun-runs-search" role="search">
        <InputGroup
          type="search"
          placeholder={trans.__('Search runs')}
          aria-label={trans.__('Search runs by name')}
          value={asked}
          onChange={event => setAsked(event.currentTarget.value)}
          rightIcon="ui-components:search"
        />
      </div>
      <div className="gpurun-said" role="status">
        {search && !search.trouble && trans._n('%1 run found', '%1 runs found', search.runs.length)}
      </div>
      {search && !shown.length && <p className="gpurun-empty">{search.trouble || trans.__('No run has that in its name.')}</p>}
      <ShownRuns {...props} runs={shown} />
      {buttons.onMore && <MoreButton trans={trans} onMore={buttons.onMore} />}
      {buttons.onInsert && (
        <div className="gpurun-first">
          {trans.__('In a notebook:')} <code>%load_ext gpurun_jupyter</code>, <code>%%gpurun</code>
          <InsertButton trans={trans} onInsert={buttons.onInsert} />
        </div>
      )}
    </div>
  );
}

function ShownRuns({ runs, ...props }: RunsListProps & { runs: readonly Run[] }): JSX.Element {
  const now = useClock(10);
  return (
    <ul className="gpurun-list gpurun-runs" aria-label={props.trans.__('Runs')}>
      {runs.map(run => (
        <RunRow key={run.id} run={run} now={now} trans={props.trans} onOpen={props.onOpen} onStop={props.onStop} />
      ))}
    </ul>
  );
}

/** All that are at work, and the newest of those that are over. */
function listed(runs: readonly Run[], most: number): Run[] {
  const over = runs.filter(run => !isLive(run)).slice(0, most);
  return [...runs.filter(isLive), ...over];
}

function MoreButton({ trans, onMore }: { trans: Translate; onMore: () => void }): JSX.Element {
  return (
    <button type="button" className="gpurun-more" onClick={onMore}>
      {trans.__('All runs…')}
    </button>
  );
}

function NoRuns({ trans, onInsert }: { trans: Translate; onInsert?: () => void }): JSX.Element {
  return (
    <div className="gpurun-empty">
      <p>{trans.__('No runs yet. In a notebook:')}</p>
      <p>
        <code>%load_ext gpurun_jupyter</code>
      </p>
      <p>{trans.__('then, as the first line of a cell:')}</p>
      <p>
        <code>%%gpurun</code>
      </p>
      {onInsert && <InsertButton trans={trans} onInsert={onInsert} />}
      <p>{trans.__('Or drop a script, a folder or a zip here.')}</p>
    </div>
  );
}

/** It stays where there are runs: the first may have failed, and the next notebook needs these cells, too. */
function InsertButton({ trans, onInsert }: { trans: Translate; onInsert: () => void }): JSX.Element {
  return (
    <button type="button" className="gpurun-insert jp-Button jp-mod-styled jp-mod-minimal" onClick={onInsert}>
      {trans.__('Insert these cells')}
    </button>
  );
}
