import assert from 'node:assert/strict';
import { test } from 'node:test';
import { english } from '../src/look/words';
import { aliasWords, metricWords, sizeWords, versionWords } from '../src/models/words';

const MODEL = { name: 'digits', type: '', framework: '', latest: 4, status: 'ready' as const, aliases: {}, metrics: {}, versions: 4, updated_at: 0 };

test('a model is said in a line', () => {
  assert.equal(versionWords(MODEL, english), 'v4');
  assert.equal(versionWords({ ...MODEL, aliases: { dev: 4, release: 3, best: 4 }, status: 'archived' }, english), 'v4 dev best archived');
  assert.equal(metricWords({ acc: 0.97123, loss: 0.1 }), 'acc 0.971');
  assert.equal(metricWords({}), '');
  assert.equal(aliasWords({ dev: 4, release: 3 }), 'dev v4 · release v3');
});

test('sizes keep three digits', () => {
  assert.deepEqual([0, 1023, 1024, 123456, 3 * 2 ** 20].map(sizeWords), ['0 B', '1023 B', '1.00 KB', '121 KB', '3 MB']);
});
