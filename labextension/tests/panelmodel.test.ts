import assert from 'node:assert';
import { test } from 'node:test';
import { Signal } from '@lumino/signaling';
import { RequestError } from '../src/server/api';
import type { IRunServer } from '../src/server/server';
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
