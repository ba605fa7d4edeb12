/** Requests to the server extension. An error is a sentence: what happened and what to do next, as the server says it. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Launched, Preview, Schema, Spec } from '../launch/types';
import type { Run, ServerError, Status } from './types';

const ROOT = 'gpurun/api/v1';

/** Raised when the server refuses; `status` 404 without a `code` means that it does not know gpurun at all. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string
  ) {
    super(message);
  }
}

/** An error body as one sentence after another. */
export function sentence(error: ServerError): string {
  return [error.message, error.hint].filter(part => part).join(' ');
}

export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** Where the live connection is. Pages of the server have its cookie; the token is for those from elsewhere. */
  get streamUrl(): string {
    const url = URLExt.join(this.settings.wsUrl, ROOT, 'stream/ws');
    const { appendToken, token } = this.settings;
    return appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url;
  }

  /** The whole address of `path` below gpurun/api/v1, for a browser. */
  url(path: string): string {
    return URLExt.join(this.settings.baseUrl, ROOT, path);
  }

  /** Interrupt a run; asked again, or with `kill`, end it at once. */
  cancel(id: string, kill = false): Promise<Run> {
    return this.request<Run>(`runs/${encodeURIComponent(id)}/cancel`, { method: 'POST', body: JSON.stringify({ kill }) });
  }

  /** Where a browser reads the whole output of a run. */
  logUrl(id: string): string {
    return this.url(`runs/${encodeURIComponent(id)}/log`);
  }

  /** Ask for what is no JSON. Rejects with a RequestError. */
  async fetch(path: string): Promise<Response> {
    const response = await ServerConnection.makeRequest(this.url(path), { cache: 'no-cache' }, this.settings);
    if (!response.ok) {
      throw new RequestError(response.status, '', `The server answered ${response.status} ${response.statusText}.`);
    }
    return response;
  }

  status(): Promise<Status> {
    return this.request('status');
  }

  /** A run with its spec. */
  run(id: string): Promise<Run & { spec: Spec }> {
    return this.request(`runs/${encodeURIComponent(id)}`);
  }

  /** The JSON Schema of launch files. */
  launchSchema(): Promise<Schema> {
    return this.request('launch/schema');
  }

  /** What a launch file would do; `path` is its place below Jupyter's root. */
  checkLaunch(yaml: string, path: string): Promise<Preview> {
    return this.request('launch/check', { method: 'POST', body: JSON.stringify({ yaml, path }) });
  }

  /** Queue what a launch file describes; the same key twice is one launch. */
  launch(yaml: string, path: string, first: boolean, key: string): Promise<Launched> {
    const init = { method: 'POST', body: JSON.stringify({ yaml, path, first }), headers: { 'Idempotency-Key': key } };
    return this.request('launch', init);
  }

  /** Ask for JSON below gpurun/api/v1. Rejects with a RequestError where the server refuses. */
  async request<T>(path: string, init: RequestInit = {}): Promise<T> {
    // By default, JupyterLab makes addresses unique by a parameter that the server does not know.
    const response = await ServerConnection.makeRequest(this.url(path), { cache: 'no-cache', ...init }, this.settings);
    const body = (await response.json().catch(() => null)) as (T & { error?: ServerError }) | null; // the page of a proxy or a sign-in is no JSON
    if (response.ok && body !== null) {
      return body;
    }
    const error = body?.error ?? { code: '', message: `The server answered ${response.status} ${response.statusText}.` };
    throw new RequestError(response.status, error.code, sentence(error));
  }
}
