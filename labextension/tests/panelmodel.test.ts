import assert from 'node:assert';
import { test } from 'node:test';
import { Signal } from '@lumino/signaling';
import { RequestError } from '../src/server/api';
import type { RunsListener } from '../src/server/live';
import type { IRunServer } from '../src/server/server';
import type { Run } from '../src/server/types';
import { PanelModel } from '../src/sidebar/panelmodel';
import type { Translate } from '../src/look/words';

Object.assign(globalThis, { window: globalThis });

const trans = { __: (words: string) => words } as unknown as Translate;

/** A server without a connection, whose answer to `status` is an error. */
function refusing(error: unknown): { server: IRunServer; live: { link: string }; told: () => void } {
  const live = { link: 'down' } as { link: string; linkChanged: Signal<object, string> };
  live.linkChanged = new Signal(live);
  const server = { live, api: { status: () => Promise.reject(error) } } as unknown as IRunServer;
  return { server, live, told: () => live.linkChanged.emit(live.link) };
}

async function troubleAfter(error: unknown): Promise<string> {
  const { server, live, told } = refusing(error);
  const model = new PanelModel(server, trans);
  told();
  await new Promise(resolve => setImmediate(resolve));
  const { trouble } = model;
  live.link = 'up';
  told();
  assert.equal(model.trouble, '');
  model.dispose();
  return trouble;
}

test('a server that cannot be used says why', async () => {
  const words = 'The database gpurun.db is damaged. `gpurun reindex` builds it again.';
  assert.equal(await troubleAfter(new RequestError(503, 'storage_unusable', words)), words);
});

test('one that knows no gpurun, and one that is out of reach', async () => {
  assert.match(await troubleAfter(new RequestError(404, '', 'The server answered 404.')), /runs without gpurun/);
  assert.match(await troubleAfter(new RequestError(502, '', 'The server answered 502.')), /Not connected/);
  assert.match(await troubleAfter(new TypeError('NetworkError')), /Not connected/);
});

test('what is only logged is neither at work nor news when it is over', () => {
  let tell: RunsListener = () => undefined;
  const { server, live } = refusing(new Error());
  Object.assign(live, { watchRuns: (listener: RunsListener) => ((tell = listener), () => undefined), watchDevices: () => () => undefined });
  const model = new PanelModel(server, trans);
  const ended: string[] = [];
  model.ended.connect((_, run) => ended.push(run.id));
  model.watch();
  const run = (id: string, created_at: number, changes: object = {}) =>
    ({ id, kind: 'cell', state: 'running', created_at, finished_at: null, ...changes }) as Run;
  tell([run('here', 1), run('elsewhere', 2, { kind: 'logged' }), run('over', 3, { state: 'finished', finished_at: 3 })], true);
  assert.deepEqual(model.runs.map(({ id }) => id), ['here', 'over', 'elsewhere']);
  tell([run('elsewhere', 2, { kind: 'logged', state: 'finished', finished_at: 4 }), run('here', 1, { state: 'finished', finished_at: 4 })], false);
  assert.deepEqual(ended, ['here']);
  model.dispose();
});
