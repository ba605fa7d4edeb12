/** What the page of a run asks the server for, beside what the live connection brings. */
import { URLExt } from '@jupyterlab/coreutils';
import type { Api } from './api';
import type { IRunServer } from './server';
import type { Event, Measured, Run } from './types';

/** A run where only this one is asked for. */
export interface RunInFull extends Run {
  spec: Record<string, unknown>;
  /** Facts that it told, such as an MLflow run id. */
  meta?: Record<string, unknown>;
  /** When what it had printed and left was removed to make room, seconds since the epoch. */
  pruned_at?: number | null;
}

/** A metric in columns; see docs/http.md. */
export interface MetricColumns {
  value: Measured[];
  time: number[];
  step: (number | null)[] | null;
  epoch: (number | null)[] | null;
  count: number;
}

export interface Metrics {
  metrics: Record<string, MetricColumns>;
  attempt: number;
}

export interface Samples {
  samples: Record<string, { time: number[]; value: number[] }>;
  attempt: number;
}

/** A value in two runs; null where one of them has none. */
export interface Change {
  name: string;
  before: string | null;
  after: string | null;
}

export interface CodeChange {
  path: string;
  before: string | null;
  after: string | null;
}

export interface Difference {
  before: string;
  after: string;
  code: CodeChange[];
  left_out: { path: string; why: string }[];
  parameters: Change[];
  packages: Change[];
}

export interface Environment {
  python: string | null;
  executable: string | null;
  packages: Record<string, string>;
  platform: string;
  host: string;
  driver: string;
  devices: { id: string; label: string; name?: string; memory_bytes?: number | null }[];
}

export interface Origin {
  notebook?: string;
  cell?: string;
  directory?: string;
  commit?: string;
  dirty?: boolean;
}

/** Where a run comes from. `notebook` is its path as this server's files have it; null where they do not. */
export interface Environs {
  attempt: number;
  environment: Environment | null;
  origin: Origin | null;
  notebook: string | null;
}

export interface RunFile {
  path: string;
  size: number;
  modified_at: number;
  /** It came with the run and is as it was; else the run made or changed it. */
  shipped?: boolean;
}

export interface StateChange {
  at: number;
  before: string | null;
  after: string;
  by: string;
  outcome: string | null;
  reason: string | null;
  message: string;
}

/** A piece of a run's log: its events, the place where it begins, and the number of the line (from 0) that begins there. */
export interface LogPiece {
  events: Event[];
  cursor: string;
  line: number;
}

export interface FoundLines {
  found: { line: number; text: string }[];
  count: number;
  lines: number;
}

/** Run it again, with some fields of its configuration changed. */
export function rerunRun(server: IRunServer, id: string, changes: object = {}): Promise<Run> {
  return server.api.request(`${route(id)}/rerun`, { method: 'POST', body: JSON.stringify(changes) });
}

/** The requests about one run. */
export class RunRequests {
  constructor(
    readonly api: Api,
    readonly id: string
  ) {}

  run(): Promise<RunInFull> {
    return this.get('');
  }

  /** The newest of those that its own code logs; with a `next` where there are more. */
  nested(limit: number): Promise<{ runs: Run[]; next: number | null }> {
    return this.api.request(`runs?parent=${encodeURIComponent(this.id)}&limit=${limit}`);
  }

  metrics(points: number): Promise<Metrics> {
    return this.get(`/metrics?points=${points}`);
  }

  samples(points: number): Promise<Samples> {
    return this.get(`/samples?points=${points}`);
  }

  previous(): Promise<{ run: Run | null }> {
    return this.get('/previous');
  }

  difference(other: string): Promise<Difference> {
    return this.get(`/diff?with=${encodeURIComponent(other)}`);
  }

  environment(): Promise<Environs> {
    return this.get('/environment');
  }

  /** The first ten thousand; `more` says that there are others. */
  files(): Promise<{ attempt: number; files: RunFile[]; more: boolean }> {
    return this.get('/files');
  }

  history(): Promise<{ history: StateChange[] }> {
    return this.get('/history');
  }

  search(text: string): Promise<FoundLines> {
    return this.get(`/search?q=${encodeURIComponent(text)}`);
  }

  delete(): Promise<{ deleted: string; restorable_s: number }> {
    return this.api.request(route(this.id), { method: 'DELETE' });
  }

  restore(): Promise<Run> {
    return this.api.request(`${route(this.id)}/restore`, { method: 'POST', body: '{}' });
  }

  /** What stands in the log before a place, so much of it that about `lines` lines are printed. */
  eventsBefore(cursor: string, lines: number): Promise<LogPiece> {
    return this.events(`before=${encodeURIComponent(cursor)}&lines=${lines}`);
  }

  /** What printed `lines` lines from number `first` (from 0) on, with all of the events in which they stand. */
  eventsOfLines(first: number, lines: number): Promise<LogPiece> {
    return this.events(`first=${first}&lines=${lines}`);
  }

  private async events(query: string): Promise<LogPiece> {
    const answer = await this.api.fetch(`${route(this.id)}/events?${query}`);
    const lines = (await answer.text()).split('\n').filter(line => line);
    return {
      events: lines.map(line => JSON.parse(line) as Event),
      cursor: answer.headers.get('X-Gpurun-Cursor') ?? '',
      line: Number(answer.headers.get('X-Gpurun-Line') ?? 0)
    };
  }

  async file(path: string): Promise<Blob> {
    return (await this.api.fetch(this.fileRoute(path))).blob();
  }

  /** Where a browser downloads a file. */
  fileUrl(path: string): string {
    return this.api.url(this.fileRoute(path));
  }

  private fileRoute(path: string): string {
    return `${route(this.id)}/files/${URLExt.encodeParts(path)}`; // slashes stay, and all else is a name
  }

  private get<T>(path: string): Promise<T> {
    return this.api.request(`${route(this.id)}${path}`);
  }
}

function route(id: string): string {
  return `runs/${encodeURIComponent(id)}`;
}
