/** Which runs a list shows and in which order, and what the server answers. */
import { URLExt } from '@jupyterlab/coreutils';
import type { Api } from '../server/api';
import type { Difference, MetricColumns } from '../server/requests';
import type { MetricSummary, Outcome, Run, State } from '../server/types';

/** Texts as the person has them in the fields; empty where nothing is asked. */
export interface Filters {
  q: string;
  project: string;
  /** A state or, of finished runs, an outcome. */
  state: State | Outcome | '';
  after: string;
  before: string;
  where: string;
  /** A column, `metric.NAME` or `param.NAME`, with `-` before it from the highest down. */
  sort: string;
}

export const NO_FILTERS: Filters = { q: '', project: '', state: '', after: '', before: '', where: '', sort: '' };

export interface Page {
  runs: Run[];
  total: number;
  parameters: Record<string, Record<string, string>>;
}

/** What there is to be shown and filtered by. */
export interface Columns {
  columns: string[];
  metrics: string[];
  parameters: string[];
  projects: string[];
  owners: string[];
  tags: string[];
}

export interface Line<T> {
  name: string;
  values: (T | null)[];
}

export interface Comparison {
  runs: Run[];
  parameters: Line<string>[];
  metrics: Line<MetricSummary>[];
  environment: Line<string>[];
  spec: Line<string>[];
}

const OUTCOMES: readonly string[] = ['succeeded', 'failed', 'cancelled', 'timed_out'];

/** The filters as the server's parameters; what is empty is left out. */
export function parametersOf(filters: Filters): Record<string, string> {
  const { state, before, ...others } = filters;
  const asked = { ...others, [OUTCOMES.includes(state) ? 'outcome' : 'state']: state, before: before && dayAfter(before) };
  return Object.fromEntries(Object.entries(asked).filter(([, text]) => text.trim()));
}

/** A last day counts as a whole. */
function dayAfter(day: string): string {
  const date = new Date(`${day}T12:00`); // noon: a change of the clocks leaves it on its day
  date.setDate(date.getDate() + 1);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(part => String(part).padStart(2, '0')).join('-');
}

/** A window of the list, whose runs come with these metrics beside their first ones. */
export function findRuns(api: Api, filters: Filters, offset: number, limit: number, metrics: readonly string[]): Promise<Page> {
  const asked = { ...parametersOf(filters), offset: String(offset), limit: String(limit) };
  const named = metrics.length ? `&${repeated('metrics', metrics)}` : '';
  return api.request<Page>(`runs${URLExt.objectToQueryString(asked)}${named}`);
}

export function findColumns(api: Api): Promise<Columns> {
  return api.request<Columns>('runs/columns');
}

export function compareRuns(api: Api, ids: readonly string[], all: boolean): Promise<Comparison> {
  return api.request<Comparison>(`compare?${repeated('run', ids)}&all=${all}`);
}

/** The chosen metrics of all runs by one request, thinned out by the server. */
export async function metricsOf(
  api: Api,
  ids: readonly string[],
  names: readonly string[],
  points: number
): Promise<Record<string, Record<string, MetricColumns>>> {
  const asked = `metrics?${repeated('run', ids)}&points=${points}&${repeated('names', names)}`;
  const { runs } = await api.request<{ runs: Record<string, { metrics: Record<string, MetricColumns> }> }>(asked);
  return Object.fromEntries(Object.entries(runs).map(([id, { metrics }]) => [id, metrics]));
}

/** What differs from one run to another. */
export function differenceOf(api: Api, before: string, after: string): Promise<Difference> {
  return api.request<Difference>(`runs/${encodeURIComponent(after)}/diff?with=${encodeURIComponent(before)}`);
}

/** Where a browser downloads the list as CSV, or of the list only these runs. */
export function sheetUrl(api: Api, filters: Filters, ids: readonly string[]): string {
  const chosen = { ...NO_FILTERS, sort: filters.sort, where: `id in (${ids.join(', ')})` };
  return api.url(`runs.csv${URLExt.objectToQueryString(parametersOf(ids.length ? chosen : filters))}`);
}

export function tagRun(api: Api, id: string, tags: readonly string[]): Promise<Run> {
  return api.request<Run>(`runs/${encodeURIComponent(id)}`, { method: 'PATCH', body: JSON.stringify({ tags }) });
}

function repeated(name: string, values: readonly string[]): string {
  return values.map(value => `${name}=${encodeURIComponent(value)}`).join('&');
}
