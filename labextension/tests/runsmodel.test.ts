import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { NO_FILTERS } from '../src/runs/query';
import { RunsModel } from '../src/runs/runsmodel';
import type { RunsListener } from '../src/server/live';
import type { IRunServer } from '../src/server/server';
import type { Run } from '../src/server/types';

Object.assign(globalThis, { window: globalThis });

const settled = () => new Promise<void>(resolve => setImmediate(resolve));
const run = (id: string, ...metrics: string[]) =>
  ({ id, attempt: 1, metrics: Object.fromEntries(metrics.map(name => [name, { last: 1 }])) }) as unknown as Run;

test('of several changes within a second the metrics of all are learned', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let [tell, asked]: [RunsListener, number] = [() => {}, 0];
  const request = async (path: string) => {
    const known = { columns: [], metrics: ['loss'], parameters: [], projects: [], owners: [], tags: [] };
    asked += Number(path === 'runs/columns');
    return path === 'runs/columns' ? known : { runs: [], total: 0, parameters: {} };
  };
  const live = { watchRuns: (listener: RunsListener) => ((tell = listener), () => {}) };
  const model = new RunsModel({ live, api: { request } } as unknown as IRunServer, ((words: string) => words) as never, { filters: NO_FILTERS, columns: null });
  model.start();
  await settled();
  tell([run('a', 'loss')], false);
  tell([run('b', 'late')], false);
  mock.timers.tick(1000);
  await settled();
  model.dispose();
  mock.timers.reset();
  assert.equal(asked, 2);
});
