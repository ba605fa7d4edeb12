/** A run in a list of the sidebar: two quiet lines. */
import React from 'react';
import * as format from '../look/format';
import { dots, glyphOf, listedName, stateName } from '../look/sentences';
import type { Translate } from '../look/words';
import { isHeardOf, isLive, Run } from '../server/types';
import { Glyph, Meter } from './panelparts';
import { detailWords, hoverWords, timeWords } from './rowwords';

export interface RunActions {
  trans: Translate;
  onOpen: (run: Run) => void;
  onStop: (run: Run) => void;
}

export interface RunRowProps extends RunActions {
  run: Run;
  now: number;
  /** Before the run's name, such as a handle. */
  children?: React.ReactNode;
  /** More of the row's element. */
  row?: React.LiHTMLAttributes<HTMLLIElement> & { [data: `data-${string}`]: unknown };
  shortcuts?: string;
}

export function RunRow({ run, now, trans, onOpen, onStop, children, row, shortcuts }: RunRowProps): JSX.Element {
  const stop = stopWords(run, trans);
  return (
    <li className="gpurun-run" data-run-id={run.id} data-state={run.outcome ?? run.state} data-live={isLive(run)} data-heard-of={isHeardOf(run) || undefined} {...row}>
      {children}
      <button
        type="button"
        className="gpurun-run-open"
        title={hoverWords(run, trans)}
        aria-label={dots(`${run.name}: ${stateName(run, trans)}`, run.parent && trans.__('nested'), detailWords(run, trans), timeWords(run, now, trans))}
        aria-keyshortcuts={shortcuts}
        onClick={() => onOpen(run)}
      >
        <Glyph name={glyphOf(run)} />
        <span className="gpurun-run-name">{listedName(run)}</span>
        <span className="gpurun-run-time">{timeWords(run, now, trans)}</span>
        <RunDetail run={run} trans={trans} />
      </button>
      {isLive(run) && (
        <button type="button" className="gpurun-run-stop" title={stop} aria-label={stop} onClick={() => onStop(run)}>
          <Glyph name="stop" />
        </button>
      )}
    </li>
  );
}

function stopWords(run: Run, trans: Translate): string {
  if (isHeardOf(run)) {
    return trans.__('Cancel %1', run.name);
  }
  return run.state === 'stopping' ? trans.__('Kill %1', run.name) : trans.__('Stop %1', run.name);
}

function RunDetail({ run, trans }: { run: Run; trans: Translate }): JSX.Element {
  const fraction = run.progress?.fraction ?? null;
  if (run.state === 'running' && fraction !== null) {
    return (
      <span className="gpurun-run-detail gpurun-run-progress">
        <Meter fraction={fraction} label={trans.__('Progress of %1', run.name)} />
        <span className="gpurun-percent">{format.percent(fraction)}</span>
      </span>
    );
  }
  return <span className="gpurun-run-detail">{detailWords(run, trans)}</span>;
}
