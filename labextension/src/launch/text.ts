/** Launch files as text: reading and changing single options, so that comments and everything else stay. */
import { Document, isMap, isScalar, LineCounter, parse, parseDocument, stringify, YAMLMap } from 'yaml';
import type { Spec } from './types';

/** What a new launch file begins with. */
export const TEMPLATE = `# What to run, and with which values. Ctrl+Space offers the options.
dir: .
entry: train.py
values:
  lr: [0.1, 0.01]
`;

/** Options that mean the same in a run; that it waited for others, or to be started, is not said again. */
const SAME = [
  ...['values_as', 'gpu', 'gpu_mem', 'device', 'on', 'kernel', 'session', 'project', 'priority', 'timeout', 'retries'],
  ...['env', 'outputs', 'pickle', 'values_limit', 'wait_for_device']
];

/** The options of a launch file by their names; null where the text cannot be read. */
export function optionsOf(text: string): Record<string, unknown> | null {
  try {
    const document = parseDocument(text);
    const value: unknown = document.errors.length ? null : (document.toJS() ?? {});
    return isRecord(value) ? value : null;
  } catch {
    return null; // more aliases than the library follows
  }
}

/** The text with an option set, or without it where `value` is undefined. `path` is its name, or those of its parents first. */
export function withOption(text: string, path: readonly string[], value: unknown): string {
  const document = parseDocument(text);
  const root = rootOf(document);
  if (value === undefined) {
    remove(document, root, path);
  } else {
    put(document, root, path, value);
  }
  return root.items.length ? print(document) : commentsOf(text); // an empty mapping would be printed as {}
}

/** The text with an entry of a mapping renamed, at its place. */
export function renamed(text: string, option: string, before: string, after: string): string {
  const document = parseDocument(text);
  const parent = document.get(option);
  const pair = isMap(parent) && parent.items.find(item => String(isScalar(item.key) ? item.key.value : item.key) === before);
  if (!pair) {
    return text;
  }
  pair.key = document.createNode(after);
  return print(document);
}

/** What somebody means who types a value into a form: YAML, and with commas a list. */
export function valueOf(text: string): unknown {
  const listed = /^[^[{"'].*,/.test(text.trim()) ? `[${text}]` : text;
  try {
    return parse(listed) as unknown;
  } catch {
    return text;
  }
}

/** A value as it is typed into a form. */
export function written(value: unknown): string {
  return value === undefined ? '' : stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trimEnd();
}

/** The option to which a line, from 1, belongs. */
export function optionAt(text: string, line: number): string | null {
  const lines = new LineCounter();
  const contents = parseDocument(text, { lineCounter: lines }).contents;
  let found: string | null = null;
  for (const pair of isMap(contents) ? contents.items : []) {
    const begins = isScalar(pair.key) && pair.key.range ? lines.linePos(pair.key.range[0]).line : Infinity;
    found = begins <= line && isScalar(pair.key) ? String(pair.key.value) : found;
  }
  return found;
}

/** The launch file that runs a run again, with the files that it had. */
export function textOfRun(run: { id: string; name: string; spec: Spec }): string {
  const { dir, notebook, data, name, values, code, inputs, tags, ...rest } = run.spec;
  const options: Record<string, unknown> = {
    name: typeof name === 'string' ? name.replace(/\/\d+$/, '') : undefined, // without its number in a sweep
    files_of: dir || notebook || (inputs && !isEmpty(inputs)) ? run.id : undefined,
    entry: dir?.entry,
    module: dir?.module,
    args: dir?.args,
    notebook: notebook ? (notebook.name ?? 'notebook.ipynb') : undefined,
    code,
    values: { ...notebook?.parameters, ...(values as object | undefined) },
    ...Object.fromEntries(SAME.map(option => [option, rest[option]])),
    data: data?.map(use => (use.path ? `${use.name}:${use.path}` : use.name)),
    tags: (tags as string[] | undefined)?.filter(tag => !tag.startsWith('sweep:')) // a sweep tags its runs itself
  };
  const said = Object.entries(options).filter(([, value]) => value !== undefined && !isEmpty(value));
  return `# ${run.name} (${run.id}), to be changed and run again.\n${stringify(Object.fromEntries(said), { lineWidth: 0 })}`;
}

function rootOf(document: Document.Parsed): YAMLMap {
  if (!isMap(document.contents)) {
    (document as Document).contents = document.createNode({});
  }
  return document.contents as unknown as YAMLMap;
}

function put(document: Document.Parsed, root: YAMLMap, path: readonly string[], value: unknown): void {
  const node = root.getIn(path, true);
  if (isScalar(node) && (typeof value !== 'object' || value === null)) {
    node.value = value; // what stands behind it stays
    return;
  }
  if (path.length > 1 && !isMap(root.get(path[0]))) {
    root.set(path[0], document.createNode({}));
  }
  root.setIn(path, document.createNode(value, { flow: Array.isArray(value) }));
}

function remove(document: Document.Parsed, root: YAMLMap, path: readonly string[]): void {
  if (root.hasIn(path)) {
    document.deleteIn(path);
  }
  const parent = root.get(path[0]);
  if (path.length > 1 && isMap(parent) && !parent.items.length) {
    document.deleteIn([path[0]]);
  }
}

function print(document: Document): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function commentsOf(text: string): string {
  return text
    .split('\n')
    .filter(line => line.startsWith('#'))
    .map(line => `${line}\n`)
    .join('');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
