/** The columns of the list: what each is called, what stands in it, and what it is sorted by. */
import * as format from '../look/format';
import { element } from '../look/dom';
import { drawing } from '../look/glyphs';
import { elapsedSeconds, glyphOf, listedName, place, stateName } from '../look/sentences';
import type { Translate } from '../look/words';
import { isLive } from '../server/types';
import type { Columns } from './query';
import type { Row } from './rows';

export interface Column {
  /** `name`, `metric.acc`, `param.lr`. */
  key: string;
  label: string;
  width: number; // pixels
  /** What the server sorts by; nothing where it cannot. */
  sort?: string;
  isNumber?: boolean;
  /** Takes the room that is left. */
  grows?: boolean;
  text: (row: Row, now: number) => string;
  /** Where a text alone would not do. */
  draw?: (cell: HTMLElement, row: Row) => void;
}

const METRIC = 'metric.';
const PARAMETER = 'param.';
const SHOWN_AT_FIRST = 3; // of the metrics, and of the parameters

/** Every column that there can be. */
export function columnsOf(known: Columns, trans: Translate): Column[] {
  return [...ofRuns(trans), ...known.metrics.map(metric), ...known.parameters.map(parameter)];
}

/** Those that are shown before a person has chosen. */
export function firstKeys(known: Columns): string[] {
  const metrics = known.metrics.slice(0, SHOWN_AT_FIRST).map(name => METRIC + name);
  const byInterest = [...known.parameters].sort((a, b) => Number(isVariable(a)) - Number(isVariable(b)));
  const parameters = byInterest.slice(0, SHOWN_AT_FIRST).map(name => PARAMETER + name);
  return ['state', 'name', 'project', 'created', 'duration', ...metrics, ...parameters];
}

/** The metrics among these columns. */
export function metricsAmong(keys: readonly string[]): string[] {
  return keys.filter(key => key.startsWith(METRIC)).map(key => key.slice(METRIC.length));
}

/** Whether it looks like an environment variable: these are set for other reasons, too. */
function isVariable(name: string): boolean {
  return name === name.toUpperCase();
}

function ofRuns(trans: Translate): Column[] {
  const when = (seconds: number | null) => (seconds === null ? '' : new Date(seconds * 1000).toLocaleString());
  return [
    { key: 'state', label: trans.__('State'), width: 120, sort: 'state', text: ({ run }) => stateName(run, trans), draw: drawState(trans) },
    { key: 'name', label: trans.__('Name'), width: 220, grows: true, sort: 'name', text: ({ run }) => listedName(run) },
    { key: 'project', label: trans.__('Project'), width: 110, sort: 'project', text: ({ run }) => run.project },
    {
      key: 'created',
      label: trans.__('Created'),
      width: 110,
      sort: 'created',
      text: ({ run }, now) => format.ago(now - run.created_at, trans)
    },
    {
      key: 'duration',
      label: trans.__('Duration'),
      width: 104,
      sort: 'duration',
      isNumber: true,
      text: ({ run }, now) => {
        const seconds = elapsedSeconds(run, now);
        return seconds === null ? '' : isLive(run) ? format.elapsed(seconds) : format.took(seconds);
      }
    },
    { key: 'message', label: trans.__('Message'), width: 260, sort: 'message', text: ({ run }) => run.waiting?.why || run.message },
    { key: 'tags', label: trans.__('Tags'), width: 140, text: ({ run }) => run.tags.join(', ') },
    { key: 'owner', label: trans.__('Owner'), width: 90, sort: 'owner', text: ({ run }) => run.owner },
    { key: 'place', label: trans.__('Machine'), width: 140, sort: 'agent', text: ({ run }) => place(run) },
    { key: 'started', label: trans.__('Started'), width: 160, sort: 'started', text: ({ run }) => when(run.started_at) },
    { key: 'finished', label: trans.__('Finished'), width: 160, sort: 'finished', text: ({ run }) => when(run.finished_at) },
    { key: 'id', label: trans.__('Id'), width: 90, sort: 'id', text: ({ run }) => run.id }
  ];
}

function metric(name: string): Column {
  return {
    key: METRIC + name,
    label: name,
    width: 96,
    sort: METRIC + name,
    isNumber: true,
    text: ({ run }) => (name in run.metrics ? format.value(run.metrics[name].last) : '')
  };
}

function parameter(name: string): Column {
  return { key: PARAMETER + name, label: name, width: 96, sort: PARAMETER + name, text: row => row.parameters[name] ?? '' };
}

/** A glyph and a word: what failed stands out to everybody. */
function drawState(trans: Translate): (cell: HTMLElement, row: Row) => void {
  return (cell, { run }) => {
    const name = glyphOf(run);
    if (cell.dataset.glyph !== name) {
      cell.dataset.glyph = name;
      cell.replaceChildren(drawing(name), element('span', 'gpurun-cell-text'));
    }
    const fraction = run.state === 'running' ? run.progress?.fraction : null;
    const share = typeof fraction === 'number' ? ` ${format.percent(fraction)}` : '';
    cell.lastElementChild!.textContent = stateName(run, trans) + share;
  };
}
