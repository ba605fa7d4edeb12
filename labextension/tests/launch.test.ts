/** Launch files as text: single options change, comments and the rest stay; completion by the schema. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offersAt } from '../src/launch/offers';
import { optionAt, optionsOf, renamed, textOfRun, valueOf, withOption, written } from '../src/launch/text';
import type { Schema } from '../src/launch/types';

const FILE = `# first
entry: train.py # the script

values:
  lr: [0.1, 0.01] # as in the paper
  depth: 2
gpu: 1
`;

test('a changed option keeps its comment, and all others stay as they were', () => {
  assert.equal(withOption(FILE, ['entry'], 'other.py'), FILE.replace('train.py', 'other.py'));
  assert.equal(withOption(FILE, ['values', 'depth'], [2, 4]), FILE.replace('depth: 2', 'depth: [2, 4]'));
  assert.equal(withOption(FILE, ['gpu'], 4), FILE.replace('gpu: 1', 'gpu: 4'));
});

test('options are added and removed, and an empty mapping goes with its last entry', () => {
  assert.equal(withOption(FILE, ['hold'], true), `${FILE}hold: true\n`);
  assert.equal(withOption(FILE, ['gpu'], undefined), FILE.replace('gpu: 1\n', ''));
  assert.equal(withOption('entry: a.py\nenv:\n  A: "1"\n', ['env', 'A'], undefined), 'entry: a.py\n');
  assert.equal(withOption('entry: a.py\nenv:\n', ['env', 'B'], '2'), 'entry: a.py\nenv:\n  B: "2"\n');
  assert.equal(withOption('# only this\n', ['gpu'], 1), '# only this\n\ngpu: 1\n');
  assert.equal(withOption('# kept\ngpu: 1\n', ['gpu'], undefined), '# kept\n');
});

test('an entry is renamed at its place', () => {
  assert.equal(renamed(FILE, 'values', 'lr', 'rate'), FILE.replace('lr:', 'rate:'));
  assert.equal(renamed(FILE, 'values', 'absent', 'x'), FILE);
});

test('what is typed into a form means what it looks like', () => {
  assert.deepEqual(valueOf('0.1, 1e-3'), [0.1, 0.001]);
  assert.deepEqual(valueOf('[a, b]'), ['a', 'b']);
  assert.equal(valueOf('0.1'), 0.1);
  assert.equal(valueOf('true'), true);
  assert.equal(valueOf('resnet'), 'resnet');
  assert.equal(valueOf('"a, b"'), 'a, b');
  assert.equal(valueOf('[a'), '[a');
  for (const value of [[0.1, 'a'], 'x: y', '1', 2, true, null]) {
    assert.deepEqual(valueOf(written(value)), value);
  }
});

test('what cannot be read has no options', () => {
  assert.equal(optionsOf('a: [1'), null);
  assert.equal(optionsOf('- a'), null);
  assert.deepEqual(optionsOf(''), {});
  const laughs = ['a0: &a0 [x, x]', ...Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)];
  assert.equal(optionsOf(laughs.join('\n')), null);
});

test('a line belongs to the option above it', () => {
  assert.equal(optionAt(FILE, 1), null);
  assert.equal(optionAt(FILE, 2), 'entry');
  assert.equal(optionAt(FILE, 6), 'values');
  assert.equal(optionAt(FILE, 7), 'gpu');
});

test('a run becomes the launch file that runs it again', () => {
  const spec = {
    dir: { manifest: '0'.repeat(64), entry: 'train.py', args: ['--x', '1'] },
    values: { lr: 0.1 },
    name: 'sweep/3',
    tags: ['good', 'sweep:sweep'],
    data: [{ name: 'digits', path: 'data/digits', manifest: '1'.repeat(64) }],
    after: ['before'],
    hold: true,
    origin: { path: 'a.ipynb', cell: 'x' },
    gpu: 2,
    env: {}
  };
  assert.deepEqual(optionsOf(textOfRun({ id: 'k3f9x2ab', name: 'sweep/3', spec })), {
    name: 'sweep',
    files_of: 'k3f9x2ab',
    entry: 'train.py',
    args: ['--x', '1'],
    values: { lr: 0.1 },
    tags: ['good'],
    data: ['digits:data/digits'],
    gpu: 2
  });
  const cell = textOfRun({ id: 'k3f9x2ab', name: 'cell-1', spec: { code: 'x = 1\nprint(x)\n' } });
  assert.deepEqual(optionsOf(cell), { code: 'x = 1\nprint(x)\n' });
});

const SCHEMA: Schema = {
  properties: {
    entry: { type: 'string' },
    values: { type: 'object' },
    values_as: { enum: ['args', 'env'] },
    hold: { type: 'boolean' },
    gpu_mem: { anyOf: [{ type: 'integer' }, { type: 'string' }], examples: ['10G'] }
  }
};

function labels(text: string): string[] | undefined {
  return offersAt(SCHEMA, text, text.length)?.options.map(option => option.label);
}

test('completion offers options that are not there yet, and their values', () => {
  assert.deepEqual(labels('entry: a\n'), ['values', 'values_as', 'hold', 'gpu_mem']);
  assert.deepEqual(labels('values_as: '), ['args', 'env']);
  assert.deepEqual(labels('hold: t'), ['true', 'false']);
  assert.deepEqual(labels('gpu_mem: '), ['10G']);
  assert.equal(labels('values:\n  lr'), undefined);
  assert.equal(labels('entry: '), undefined);
});
