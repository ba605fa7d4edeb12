import assert from 'node:assert/strict';
import test from 'node:test';
import { labelsOf } from '../src/runs/labels';
import { NO_FILTERS, parametersOf } from '../src/runs/query';
import { Rows, WINDOW } from '../src/runs/rows';
import { Selection } from '../src/runs/selection';

const TOTAL = 1000;

/** A server whose answers come when the test says so. */
class Server {
  asked: { offset: number; limit: number; answer: (total?: number) => Promise<void>; refuse: () => Promise<void> }[] = [];

  request = (path: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const query = new URLSearchParams(path.split('?')[1]);
      const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))];
      const run = (i: number) => ({ id: `r${offset + i}`, name: query.get('where') ?? '' });
      const answer = (total = TOTAL) => {
        const count = Math.max(0, Math.min(limit, total - offset));
        resolve({ total, parameters: {}, runs: Array.from({ length: count }, (_, i) => run(i)) });
        return settled();
      };
      this.asked.push({
        offset,
        limit,
        answer,
        refuse: () => {
          reject(new Error('no'));
          return settled();
        }
      });
    });
}

const settled = () => new Promise<void>(resolve => setImmediate(resolve));

function listed(): { server: Server; rows: Rows } {
  const server = new Server();
  return { server, rows: new Rows(server as never, NO_FILTERS) };
}

test('one request at a time, and after it what is in sight then', async () => {
  const { server, rows } = listed();
  rows.reload();
  rows.show(300, 340);
  rows.show(700, 740);
  assert.equal(server.asked.length, 1);
  await server.asked[0].answer();
  assert.deepEqual(
    server.asked.map(({ offset }) => offset),
    [0, 700]
  );
  await server.asked[1].answer();
  assert.equal(rows.at(739)?.run.id, 'r739');
  assert.equal(rows.at(320), undefined);
  assert.equal(server.asked.length, 2);
});

test('no row in sight is missing, wherever somebody scrolls', async () => {
  const { server, rows } = listed();
  rows.reload();
  await server.asked[0].answer();
  for (const first of [0, 60, 95, 400, 380, 960, 0]) {
    const last = Math.min(TOTAL, first + 60);
    rows.show(first, last);
    const before = server.asked.length;
    await server.asked[before - 1].answer();
    for (let place = first; place < last; place++) {
      assert.equal(rows.at(place)?.run.id, `r${place}`);
    }
  }
});

test('an answer to earlier filters is not for this list', async () => {
  const { server, rows } = listed();
  rows.reload();
  rows.search({ ...NO_FILTERS, where: 'acc > 1' });
  await server.asked[1].answer(3);
  await server.asked[0].answer();
  assert.equal(rows.total, 3);
  assert.equal(rows.at(0)?.run.name, 'acc > 1');
});

test('what is refused is asked for again only when something changes', async () => {
  const { server, rows } = listed();
  const errors: unknown[] = [];
  rows.answered.connect((_, error) => errors.push(error));
  rows.reload();
  await server.asked[0].refuse();
  rows.show(0, WINDOW);
  assert.equal(server.asked.length, 1);
  assert.equal(String(errors[0]), 'Error: no');
  rows.search(NO_FILTERS);
  assert.equal(server.asked.length, 2);
});

test('runs stay selected when they are scrolled out of sight', async () => {
  const { server, rows } = listed();
  rows.reload();
  await server.asked[0].answer();
  const selection = new Selection(rows);
  selection.only(3);
  selection.through(5);
  selection.toggle(4);
  assert.deepEqual(selection.ids, ['r3', 'r5']);
  rows.reload();
  await server.asked[1].answer(2);
  assert.deepEqual(selection.ids, ['r3', 'r5']);
  selection.update({ id: 'r3', deleted: true } as never);
  assert.deepEqual(selection.ids, ['r5']);
});

test('a state may be an outcome, and the last day counts as a whole', () => {
  assert.deepEqual(parametersOf({ ...NO_FILTERS, state: 'failed', before: '2026-12-31' }), {
    outcome: 'failed',
    before: '2027-01-01'
  });
  assert.deepEqual(parametersOf({ ...NO_FILTERS, state: 'running', where: ' ' }), { state: 'running' });
});

test('labels say what differs, and differ', () => {
  const comparison = (names: string[], rates: (string | null)[]) =>
    ({
      runs: names.map((name, i) => ({ id: `id${i}`, name })),
      parameters: [
        { name: 'lr', values: rates },
        { name: 'same', values: names.map(() => '1') }
      ]
    }) as never;
  assert.deepEqual(labelsOf(comparison(['a', 'b'], ['1', '1'])), ['a', 'b']);
  assert.deepEqual(labelsOf(comparison(['a', 'a'], ['1', '2'])), ['lr 1', 'lr 2']);
  assert.deepEqual(labelsOf(comparison(['a', 'b'], ['1', null])), ['a · lr 1', 'b']);
  assert.deepEqual(labelsOf(comparison(['a', 'a'], ['1', '1'])), ['a (id0)', 'a (id1)']);
});
