/** The bar below the table: what can be done with the selected runs. It is always there, so that nothing moves. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import type { Translate } from '../look/words';
import { isLive, Run } from '../server/types';
import type { Selection } from './selection';

/** What can be done; `remove` is null where no command for it is there. */
export interface Actions {
  compare: (runs: Run[]) => void;
  stop: (runs: Run[]) => void;
  tag: (runs: Run[]) => void;
  exportRuns: (runs: Run[]) => void;
  remove: ((runs: Run[]) => void) | null;
}

export function makeSelectionBar(selection: Selection, actions: () => Actions, trans: Translate): ReactWidget {
  const bar = ReactWidget.create(
    <UseSignal signal={selection.changed}>
      {() => <SelectionBar selection={selection} actions={actions()} trans={trans} />}
    </UseSignal>
  );
  bar.addClass('gpurun-selectionbar');
  return bar;
}

function SelectionBar({ selection, actions, trans }: { selection: Selection; actions: Actions; trans: Translate }): JSX.Element {
  const { runs } = selection;
  const live = runs.filter(isLive);
  const over = runs.filter(run => !isLive(run));
  const button = (label: string, act: (runs: Run[]) => void, which: Run[], least = 1) => (
    <button type="button" className="jp-mod-styled jp-mod-minimal" disabled={which.length < least} onClick={() => act(which)}>
      {label}
    </button>
  );
  return (
    <div role="toolbar" aria-label={trans.__('Selected runs')}>
      <span className="gpurun-selected" role="status">
        {runs.length ? trans._n('%1 run selected', '%1 runs selected', runs.length) : trans.__('Select runs to compare, stop or tag them')}
      </span>
      {button(trans.__('Compare'), actions.compare, runs, 2)}
      {button(trans.__('Stop'), actions.stop, live)}
      {button(trans.__('Tag…'), actions.tag, runs)}
      {button(trans.__('Export'), actions.exportRuns, runs)}
      {actions.remove && button(trans.__('Delete…'), actions.remove, over)}
    </div>
  );
}
