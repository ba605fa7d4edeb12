/**
 * What the server sends, as TypeScript sees it. The definitions are in gpurun_jupyter/core; docs/http.md and
 * docs/events.md say what each field means. Fields that have their default value may be left out by the server.
 */

export type State = 'created' | 'queued' | 'starting' | 'running' | 'stopping' | 'lost' | 'finished';
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'timed_out';

export interface Bar {
  id: string;
  label?: string;
  done?: number;
  total?: number | null;
  rate?: number | null;
  left_s?: number | null;
  parent?: string | null;
}

export interface RunProgress {
  fraction?: number | null;
  left_s?: number | null;
  bars?: Bar[];
}

/** A value as JSON has it: one that is no finite number is a word, of which `Number()` makes the value. */
export type Measured = number | 'NaN' | 'Infinity' | '-Infinity';

export interface MetricSummary {
  last: Measured;
  /** Of the values that are finite. */
  min: number | null;
  max: number | null;
  step?: number | null;
}

/** Times are seconds since the epoch. */
export interface Run {
  id: string;
  name: string;
  project: string;
  owner: string;
  kind: 'cell' | 'dir' | 'notebook' | 'files' | 'logged';
  state: State;
  outcome: Outcome | null;
  reason: string | null;
  message: string;
  tags: string[];
  gpu: number;
  attempt: number;
  agent: string | null;
  devices: string[];
  created_at: number;
  queued_at: number | null;
  started_at: number | null;
  finished_at: number | null;
  progress: RunProgress | null;
  /** In lists only the first few, and what was asked for. */
  metrics: Record<string, MetricSummary>;
  /** How many more there are than the first few. */
  more_metrics?: number;
  waiting: { position: number; why: string; starts_in_s?: number | null } | null;
  deleted?: boolean;
  rerun_of?: string | null;
  /** The run whose code logs it. */
  parent?: string | null;
  revision: number;
  /** How far the server's log is behind the one on another machine, in seconds; 0: in step; null on this machine. */
  behind_s?: number | null;
  sync?: Sync | null;
}

/** Whether the server's copy of a log is whole, on its way from another machine, or behind for want of a way. */
export type Sync = 'synced' | 'syncing' | 'behind';

/** The server at a glance; `owner` is whose runs those are that this page submits. */
export interface Status {
  version: string;
  home: string;
  database: string;
  disk_free_bytes: number;
  runs: Record<string, number>;
  owner: string;
}

export interface DeviceProcess {
  pid: number;
  user?: string;
  memory_bytes?: number | null;
  ours?: boolean;
}

export interface Device {
  id: string;
  kind: 'gpu' | 'mig' | 'cpu';
  index: number;
  name?: string;
  util?: number | null;
  memory_used_bytes?: number | null;
  memory_total_bytes?: number | null;
  temperature?: number | null;
  power?: number | null;
  processes?: DeviceProcess[];
  /** Who holds its lock on that machine, in words, where that is no run of this queue. */
  locked_by?: string;
  /** Whose run holds the device; the next two are given only if it is one's own. */
  run_owner?: string | null;
  run_id?: string | null;
  run_name?: string | null;
}

export interface Agent {
  id: string;
  host: string;
  version: string;
  health: 'healthy' | 'stale' | 'disconnected';
  heard_s_ago: number;
  devices: Device[];
  /** As in a run, of all that the machine has at work. */
  behind_s?: number | null;
  sync?: Sync | null;
  /** Whether who looks at it may remove it. */
  removable?: boolean;
}

/** What a run used of its devices and of the machine's memory at one moment; sizes in bytes. */
export interface Sample {
  devices?: { id: string; label?: string; name?: string; util?: number | null; mem?: number | null; total?: number | null }[];
  rss?: number;
}

export interface Checkpoint {
  path: string;
  step?: number | null;
}

/** What of a run's log the view draws beside the run itself and its output. */
export interface Facts {
  /** The values of each metric in order, thinned out. */
  curves: Record<string, readonly Measured[]>;
  sample: Sample | null;
  checkpoints: number;
  checkpoint: Checkpoint | null;
}

/** The run before a run, and how its metrics went. */
export interface Previous {
  run: Run;
  curves: Record<string, readonly Measured[]>;
}

/** What stands in a log before the place from which on it is shown; without `lines` while it is still counted. */
export interface Before {
  lines?: number;
  exact?: boolean;
  shown?: number;
  shown_lines?: number;
  said?: string[];
  curves?: Record<string, { every: number; values: Measured[]; seen: number }>;
  checkpoints?: number;
  checkpoint?: Checkpoint | null;
}

export type MimeBundle = Record<string, unknown>;

/** The events that the page draws; others (meta, end) reach it as part of the Run. */
export type Event =
  | { kind: 'start'; attempt: number }
  | { kind: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { kind: 'clear'; wait?: boolean }
  | { kind: 'cell'; number: number; total: number; code: string }
  | { kind: 'display'; data: MimeBundle; metadata?: MimeBundle; display_id?: string | null; update?: boolean }
  | { kind: 'result'; data: MimeBundle; metadata?: MimeBundle }
  | { kind: 'error'; name: string; value: string; traceback: string[] }
  | ({ kind: 'progress' } & Bar)
  | { kind: 'metric'; values: Record<string, Measured>; step?: number | null; anew?: readonly string[] }
  | ({ kind: 'sample' } & Sample)
  | ({ kind: 'checkpoint' } & Checkpoint)
  | { kind: 'meta' | 'model' | 'end' };

export interface ServerError {
  code: string;
  message: string;
  hint?: string;
}

export type Frame =
  | { type: 'runs'; runs: Run[] }
  | { type: 'devices'; agents: Agent[] }
  | { type: 'models'; revision: number }
  | { type: 'run'; run: Run }
  | { type: 'events'; run: string; cursor: string; events: Event[] }
  | ({ type: 'before'; run: string; cursor: string } & Before)
  | { type: 'error'; run?: string; error: ServerError }
  | { type: 'beat' };

/** Whether somebody else carries it out: nobody here can interrupt it or run it again. */
export function isHeardOf(run: Run): boolean {
  return run.kind === 'files' || run.kind === 'logged';
}

/** Whether a run may still change. */
export function isLive(run: Run): boolean {
  return run.state !== 'finished';
}
