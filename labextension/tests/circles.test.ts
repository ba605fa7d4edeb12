import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

/** Of each module the modules of ours that it imports, also for their types alone. */
function imports(): Map<string, string[]> {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name));
  return new Map(files.map(name => [name, importedBy(name)]));
}

function importedBy(name: string): string[] {
  const found = readFileSync(join('src', name), 'utf8').matchAll(/from '(\.[^']*)'/g);
  return Array.from(found, ([, path]) => {
    const place = join('src', dirname(name), path);
    return relative('src', [`${place}.ts`, `${place}.tsx`].find(existsSync) ?? place);
  });
}

/** A way from a module back to itself; empty where there is none. */
function circle(from: string, known: Map<string, string[]>, way: string[] = [], seen = new Set<string>()): string[] {
  for (const to of known.get(from) ?? []) {
    if (to === (way[0] ?? from)) {
      return [...way, from, to];
    }
    if (!seen.has(to)) {
      seen.add(to);
      const found = circle(to, known, [...way, from], seen);
      if (found.length) {
        return found;
      }
    }
  }
  return [];
}

test('no module imports itself over others', () => {
  const known = imports();
  assert.ok(known.size > 100);
  for (const name of known.keys()) {
    assert.deepEqual(circle(name, known), []);
  }
});
