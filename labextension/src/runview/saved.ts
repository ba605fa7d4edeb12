/** What a saved notebook says of a run. Notebooks come from anywhere and hold anything. */
import type { Run } from '../server/types';

const NOTHING_KNOWN: Omit<Run, 'id' | 'name'> = {
  project: '',
  owner: '',
  kind: 'cell',
  state: 'finished',
  outcome: null,
  reason: null,
  message: '',
  tags: [],
  gpu: 0,
  attempt: 1,
  agent: null,
  devices: [],
  created_at: 0,
  queued_at: null,
  started_at: null,
  finished_at: null,
  progress: null,
  metrics: {},
  waiting: null,
  revision: 0
};

/** A saved summary with everything that a Run has, or null if it is none. */
export function asRun(id: string, summary: unknown): Run | null {
  if (!isObject(summary) || !('state' in summary)) {
    return null;
  }
  const saved = summary as Partial<Run>;
  return {
    ...NOTHING_KNOWN,
    ...saved,
    id, // over a saved one: this is the one that is asked for
    name: String(saved.name ?? id),
    devices: Array.isArray(saved.devices) ? saved.devices : [],
    metrics: Object.fromEntries(Object.entries(saved.metrics ?? {}).filter(([, metric]) => isMeasured(metric?.last))),
    progress: Array.isArray(saved.progress?.bars) ? { ...saved.progress, bars: saved.progress.bars.filter(isObject) } : null
  };
}

function isMeasured(value: unknown): boolean {
  return typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
