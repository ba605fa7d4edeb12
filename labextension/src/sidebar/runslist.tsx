/** The RUNS section of the sidebar: two quiet lines for each run. */
import React from 'react';
import * as format from '../look/format';
import { Glyph, Meter, useClock } from './panelparts';
import { dots, elapsedSeconds, glyphOf, place, stateName } from '../look/sentences';
import { isLive, Run } from '../server/types';
import type { Translate } from '../look/words';

const MOST_METRICS = 2;

export interface RunsListProps {
  runs: readonly Run[];
  loaded: boolean;
  trans: Translate;
  onOpen: (run: Run) => void;
  onStop: (run: Run) => void;
}

export function RunsList(props: RunsListProps): JSX.Element {
  const now = useClock(10);
  if (!props.runs.length) {
    return props.loaded ? <NoRuns trans={props.trans} /> : <div />;
  }
  return (
    <ul className="gpurun-list gpurun-runs" aria-label={props.trans.__('Runs')}>
      {props.runs.map(run => (
        <RunRow key={run.id} run={run} now={now} {...props} />
      ))}
    </ul>
  );
}

function RunRow({ run, now, trans, onOpen, onStop }: RunsListProps & { run: Run; now: number }): JSX.Element {
  const stop = run.state === 'stopping' ? trans.__('Kill %1', run.name) : trans.__('Stop %1', run.name);
  return (
    <li className="gpurun-run" data-run-id={run.id} data-state={run.outcome ?? run.state} data-live={isLive(run)}>
      <button
        type="button"
        className="gpurun-run-open"
        title={hover(run, trans)}
        aria-label={dots(`${run.name}: ${stateName(run, trans)}`, detailWords(run, trans), timeWords(run, now, trans))}
        onClick={() => onOpen(run)}
      >
        <Glyph name={glyphOf(run)} />
        <span className="gpurun-run-name">{run.name}</span>
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

/** The second line: how far it is, why it waits, or what came of it. */
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

function detailWords(run: Run, trans: Translate): string {
  if (!isLive(run)) {
    return run.outcome === 'succeeded' ? result(run, trans) : run.message || stateName(run, trans);
  }
  if (run.waiting) {
    return run.waiting.why;
  }
  const where = place(run);
  return where && run.state === 'running' ? trans.__('on %1', where) : dots(stateName(run, trans), where);
}

function result(run: Run, trans: Translate): string {
  const metrics = Object.entries(run.metrics)
    .slice(0, MOST_METRICS)
    .map(([name, metric]) => `${name} ${format.value(metric.last)}`);
  const seconds = elapsedSeconds(run, 0);
  return metrics.length || seconds === null ? dots(...metrics) : trans.__('took %1', format.took(seconds));
}

function timeWords(run: Run, now: number, trans: Translate): string {
  if (run.finished_at !== null) {
    return format.ago(now - run.finished_at, trans);
  }
  const left = run.progress?.left_s;
  if (left !== null && left !== undefined && run.state === 'running') {
    return trans.__('%1 left', format.elapsed(left));
  }
  return run.waiting ? trans.__('place %1', run.waiting.position) : '';
}

function hover(run: Run, trans: Translate): string {
  const start = run.started_at === null ? '' : new Date(run.started_at * 1000).toLocaleString();
  return [
    `${run.name}: ${stateName(run, trans)}`,
    start && trans.__('started %1', start),
    run.owner && trans.__('by %1', run.owner),
    place(run) && trans.__('on %1', place(run)),
    run.waiting?.why || run.message,
    run.id
  ]
    .filter(line => line)
    .join('\n');
}

function NoRuns({ trans }: { trans: Translate }): JSX.Element {
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
    </div>
  );
}
