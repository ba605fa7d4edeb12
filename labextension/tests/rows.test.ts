import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_FILTERS } from '../src/runs/query';
import { Rows } from '../src/runs/rows';
import type { Api } from '../src/server/api';
import type { Run } from '../src/server/types';

const run = (attempt: number, metrics: Record<string, number>): Run =>
  ({
    id: 'r1',
    attempt,
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, last]) => [name, { last, min: last, max: last }]))
  }) as unknown as Run;

async function listed(names: string[]): Promise<{ rows: Rows; asked: string[] }> {
  const asked: string[] = [];
  const request = async (path: string) => {
    asked.push(path);
    return { runs: [run(1, { loss: 1, late: 2 })], total: 1, parameters: {} };
  };
  const rows = new Rows({ request } as unknown as Api, NO_FILTERS, () => names);
  const filled = new Promise<void>(resolve => rows.changed.connect(() => resolve()));
  rows.reload();
  await filled;
  return { rows, asked };
}

test('the metrics that columns show are asked for by name, commas and all', async () => {
  const { asked } = await listed(['late', 'P(acc, top5)']);
  assert.ok(asked[0].endsWith('&metrics=late&metrics=P(acc%2C%20top5)'), asked[0]);
});

test('a change of a run tells its first metrics; the others stay, until it begins anew', async () => {
  const { rows } = await listed([]);
  const shown = () => Object.entries(rows.at(0)!.run.metrics).map(([name, { last }]) => `${name} ${last}`);
  rows.update(run(1, { loss: 0.5 }));
  assert.deepEqual(shown(), ['loss 0.5', 'late 2']);
  rows.update(run(2, { loss: 0.25 }));
  assert.deepEqual(shown(), ['loss 0.25']);
});
