import assert from 'node:assert';
import { test } from 'node:test';
import { unzipSync, zipSync } from 'fflate';
import { isLeftOut, likelyEntry, namesIn, ProjectFile, projectOf, TooLargeToDrop } from '../src/sidebar/drop/project';

const text = (words: string) => new TextEncoder().encode(words) as Uint8Array<ArrayBuffer>;
const file = (path: string, words = ''): ProjectFile => ({ path, read: async () => text(words) });

test('a folder becomes a zip without what is never part of a project', async () => {
  const found = [file('train.py', 'print(1)'), file('lib/net.py'), file('.git/config'), file('lib/__pycache__/net.pyc')];
  const project = await projectOf('digits', found, '');
  assert.equal(project.file.name, 'digits.zip');
  assert.deepEqual(project.scripts, ['train.py', 'lib/net.py']);
  const inside = unzipSync(new Uint8Array(await project.file.arrayBuffer()));
  assert.deepEqual(Object.keys(inside).sort(), ['lib/net.py', 'train.py']);
  assert.equal(new TextDecoder().decode(inside['train.py']), 'print(1)');
});

test('a script and a zip are sent as they are', async () => {
  const script = await projectOf('one', [file('one.py', 'print(1)')], '');
  assert.equal(await script.file.text(), 'print(1)');
  assert.deepEqual([script.name, script.scripts, script.files], ['one', ['one.py'], 1]);
  const zip = zipSync({ 'top/main.py': text(''), 'top/b/c.sh': text(''), 'top/data.csv': text('') }) as Uint8Array<ArrayBuffer>;
  const project = await projectOf('p', [{ path: 'p.zip', read: async () => zip }], '');
  assert.deepEqual(project.scripts, ['main.py', 'b/c.sh']); // the single top folder is unwrapped, as the server does
  assert.equal(project.files, 3);
  assert.equal(project.file.size, zip.length);
});

test('names in a zip of several top folders keep them', () => {
  const zip = zipSync({ 'a/x.py': text(''), 'b/y.py': text(''), '__MACOSX/a/x.py': text('') });
  assert.deepEqual(namesIn(zip), ['a/x.py', 'b/y.py']);
});

test('what is too large is refused with the sentence that says what to do', async () => {
  const large = { path: 'a/big.bin', read: async () => new Uint8Array(210 * 2 ** 20) };
  await assert.rejects(projectOf('big', [large], 'use the command line'), (error: unknown) => error instanceof TooLargeToDrop);
});

test('the likely entry point', () => {
  assert.equal(likelyEntry(['train.py', 'other.py', 'lib/x.py']), 'train.py');
  assert.equal(likelyEntry(['only.py', 'lib/x.py']), 'only.py');
  assert.equal(likelyEntry(['a.py', 'b.py']), '');
  assert.equal(likelyEntry([]), '');
  assert.ok(isLeftOut('a/node_modules/b.js') && !isLeftOut('a/modules/b.js'));
});
