/**
 * Write lib/core.json: of which versions the built extension asks JupyterLab for the packages that it does not bring itself.
 *
 * The builder takes them from the newest JupyterLab's package.json, whatever ours says, and an older one would then warn of
 * each in the console. Ours are the lowest with which it works.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const read = path => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const core = read('node_modules/@jupyterlab/core-meta/core.package.json');
const ours = read('package.json').dependencies;

for (const versions of [core.dependencies, core.resolutions]) {
  for (const name of Object.keys(versions)) {
    versions[name] = ours[name] ?? versions[name];
  }
}
mkdirSync(new URL('lib', import.meta.url), { recursive: true });
writeFileSync(new URL('lib/core.json', import.meta.url), JSON.stringify(core, null, 2));
