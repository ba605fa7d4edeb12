/** The model registry on the server: what can be asked of it, and being told when it has changed. */
import type { Stop } from '../server/live';
import type { IRunServer } from '../server/server';
import type { Run } from '../server/types';
import type { Comparison, Model, ModelSummary, ModelVersion, NewVersion, RunFiles } from './types';

export class ModelRegistry {
  constructor(private server: IRunServer) {}

  async list(): Promise<ModelSummary[]> {
    return (await this.server.api.request<{ models: ModelSummary[] }>('models')).models;
  }

  model(name: string): Promise<Model> {
    return this.server.api.request(route(name));
  }

  version(name: string, version: number): Promise<ModelVersion> {
    return this.server.api.request(route(name, version));
  }

  compare(name: string, a: number, b: number): Promise<Comparison> {
    return this.server.api.request(`${route(name)}/compare?a=${a}&b=${b}`);
  }

  register(version: NewVersion): Promise<ModelVersion> {
    return this.send('POST', 'models', version);
  }

  /** Let an alias point to a version; `replaces` is where it is believed to point to until now, 0 for nowhere. */
  promote(name: string, version: number, alias: string, replaces: number): Promise<ModelVersion> {
    return this.send('POST', `${route(name)}/promote`, { version, alias, replaces });
  }

  dropAlias(name: string, alias: string): Promise<Model> {
    return this.send('DELETE', `${route(name)}/aliases/${encodeURIComponent(alias)}`);
  }

  change(name: string, version: number, changes: Partial<Pick<ModelVersion, 'status' | 'description'>>): Promise<ModelVersion> {
    return this.send('PATCH', route(name, version), changes);
  }

  /** Delete a version, or without one the model. */
  remove(name: string, version?: number): Promise<unknown> {
    return this.send('DELETE', route(name, version));
  }

  /** Look through the stored bytes. Rejects with what is wrong and what to do. */
  verify(name: string, version: number): Promise<unknown> {
    return this.server.api.request(`${route(name, version)}/verify`);
  }

  /** A run and the files that it left. */
  async filesOf(reference: string): Promise<RunFiles> {
    const run = `runs/${encodeURIComponent(reference)}`;
    const [found, left] = await Promise.all([
      this.server.api.request<Run>(run),
      this.server.api.request<{ files: { path: string }[] }>(`${run}/files`)
    ]);
    return { run: found, paths: left.files.map(file => file.path) };
  }

  /** Where a browser finds a file of a version, or all of them as a zip. */
  downloadUrl(name: string, version: number, path?: string): string {
    const what = path === undefined ? 'zip' : `files/${path.split('/').map(encodeURIComponent).join('/')}`;
    return this.server.api.url(`${route(name, version)}/${what}`);
  }

  /** Call `listener` now, and whenever some model has changed. */
  watch(listener: () => void): Stop {
    listener(); // the server speaks at once to the first who watches, and to no other
    return this.server.live.watchModels(listener);
  }

  private send<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.server.api.request(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  }
}

function route(name: string, version?: number): string {
  const model = `models/${encodeURIComponent(name)}`;
  return version === undefined ? model : `${model}/${version}`;
}
