/** What the overview asks the server for; docs/http.md says what each field means. */
import type { Api } from '../server/api';
import type { Outcome, State, Status } from '../server/types';

export interface Attempt {
  /** Null for a run of somebody else. */
  run_id: string | null;
  name: string;
  project: string;
  owner: string;
  attempt: number;
  agent: string;
  devices: string[];
  start: number;
  end: number | null;
  state: State;
  outcome: Outcome | null;
}

export interface Timeline {
  after: number;
  before: number;
  attempts: Attempt[];
  use: { agent: string; device: string; busy: number[] }[];
  complete: boolean;
}

export interface Project {
  name: string;
  runs: number;
  states: Partial<Record<State, number>>;
  outcomes: Partial<Record<Outcome, number>>;
  latest_at: number;
  best: { run_id: string; run_name: string; metric: string; mode: 'max' | 'min'; value: number } | null;
}

export interface Statistics {
  states: Partial<Record<State, number>>;
  outcomes: Partial<Record<Outcome, number>>;
  outcomes_last_day: Partial<Record<Outcome, number>>;
  mean_duration_s: Record<string, number>;
  devices: { agent: string; device: string; runs: number; seconds: number }[];
}

export interface Overview {
  timeline: Timeline;
  projects: Project[];
  statistics: Statistics;
  status: Status;
}

/** Ask for all of it; `after` is where the timeline begins. */
export async function readOverview(api: Api, after: number, parts: number): Promise<Overview> {
  const [timeline, projects, statistics, status] = await Promise.all([
    api.request<Timeline>(`timeline?after=${after}&parts=${parts}`),
    api.request<{ projects: Project[] }>('projects'),
    api.request<Statistics>('stats'),
    api.status()
  ]);
  return { timeline, projects: projects.projects, statistics, status };
}
