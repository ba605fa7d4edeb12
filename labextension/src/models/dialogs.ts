/** The dialogs of the registry: register a file of a run, promote a version. */
import { InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { Translate } from '../look/words';
import { askUntil } from './form';
import type { ModelRegistry } from './registry';
import type { ModelVersion, RunFiles } from './types';

const ALIASES = ['release', 'dev'];
const LIKELY = /\.(pt|pth|safetensors|onnx|keras|h5|joblib|pkl|ckpt|bin|json)$/;

export interface Registering {
  run?: string;
  path?: string;
  name?: string;
}

/** Ask which file of a run becomes a version of which model; without a run, that first. */
export async function askToRegister(registry: ModelRegistry, given: Registering, trans: Translate): Promise<ModelVersion | undefined> {
  const files = given.run === undefined ? await askForRun(registry, trans) : await registry.filesOf(given.run);
  if (!files) {
    return undefined;
  }
  const models = await registry.list();
  const path = given.path ?? likely(files.paths);
  const fields = [
    { name: 'name', label: trans.__('Model'), value: given.name ?? stem(path), choices: models.map(model => model.name), required: true },
    { name: 'path', label: trans.__('File of the run'), value: path, choices: files.paths, only: files.paths.length > 0 },
    { name: 'type', label: trans.__('Type'), placeholder: trans.__('such as classifier'), choices: known(models.map(one => one.type)) },
    { name: 'framework', label: trans.__('Framework'), placeholder: trans.__('such as torch'), choices: known(models.map(one => one.framework)) },
    { name: 'alias', label: trans.__('Alias'), placeholder: trans.__('none'), choices: ALIASES }
  ];
  const title = trans.__('Register Model');
  const intro = trans.__('The next version of a model, from the run %1. Its metrics and parameters come along.', files.run.name);
  return askUntil({ title, intro, fields, accept: trans.__('Register'), trans }, ({ name, path, type, framework, alias }) =>
    registry.register({ name, run: files.run.id, path, type, framework, alias: alias || null })
  );
}

/** Ask which alias shall point to a version. Who promotes at the same moment is told of the other. */
export async function askToPromote(registry: ModelRegistry, name: string, version: number, trans: Translate): Promise<ModelVersion | undefined> {
  let aliases = (await registry.model(name)).aliases;
  const others = Object.keys(aliases).filter(alias => !ALIASES.includes(alias));
  const fields = [{ name: 'alias', label: trans.__('Alias'), value: 'release', choices: [...ALIASES, ...others], required: true }];
  const title = trans.__('Promote %1 v%2', name, version);
  return askUntil({ title, intro: whereWords(aliases, trans), fields, accept: trans.__('Promote'), trans }, async ({ alias }) => {
    try {
      return await registry.promote(name, version, alias, aliases[alias] ?? 0);
    } catch (error) {
      aliases = (await registry.model(name)).aliases; // who tries again has been told of the change, and means it
      throw error;
    }
  });
}

/** Ask which model is meant. */
export async function askForModel(registry: ModelRegistry, trans: Translate): Promise<string | undefined> {
  const models = await registry.list();
  const items = models.map(model => model.name);
  if (!items.length) {
    await showErrorMessage(trans.__('Open Model'), trans.__('You have no models yet. Register a file of a run first.'));
    return undefined;
  }
  return (await InputDialog.getItem({ title: trans.__('Open Model'), label: trans.__('Model'), items })).value ?? undefined;
}

function whereWords(aliases: Record<string, number>, trans: Translate): string {
  const all = Object.entries(aliases).map(([alias, version]) => trans.__('%1 is v%2', alias, version));
  return all.length ? trans.__('Until now: %1.', all.join(', ')) : trans.__('No alias points to a version yet.');
}

async function askForRun(registry: ModelRegistry, trans: Translate): Promise<RunFiles | undefined> {
  const fields = [{ name: 'run', label: trans.__('Run (id, name, or last)'), value: 'last', required: true }];
  const form = { title: trans.__('Register Model'), intro: trans.__('Which run left the file?'), fields, accept: trans.__('Next'), trans };
  return askUntil(form, ({ run }) => registry.filesOf(run));
}

function likely(paths: readonly string[]): string {
  return paths.find(path => LIKELY.test(path)) ?? paths[0] ?? '';
}

/** A name for a model out of a file's, with what a name may hold. */
function stem(path: string): string {
  const file = path.split('/').pop() ?? '';
  return file.replace(/\.[^.]*$/, '').replace(/[^A-Za-z0-9._-]+/g, '-');
}

function known(words: readonly string[]): string[] {
  return [...new Set(words.filter(word => word))];
}
