/** What was dropped, as it is sent: one zip or script, and which of its files could be run. */
import { unzipSync, zipSync } from 'fflate';

/** A file of a folder that was dropped; its path has slashes. */
export interface ProjectFile {
  path: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface Project {
  name: string;
  /** A zip, or one script. */
  file: File;
  /** The scripts in it, those at the top first. */
  scripts: string[];
  files: number;
}

const LARGEST_BYTES = 200 * 2 ** 20; // it passes through the page's memory; the command line sends more, and only what is new
const LEFT_OUT = new Set(['.git', '.hg', '.svn', '.venv', 'node_modules', '__pycache__', '.ipynb_checkpoints', '.DS_Store', '__MACOSX']);
const SCRIPT = /\.(py|sh)$/;

/** Raised where it is too large to pass through the page; the message is for a person. */
export class TooLargeToDrop extends Error {}

/** Whether a path leads through something that is never part of a project. */
export function isLeftOut(path: string): boolean {
  return path.split('/').some(part => LEFT_OUT.has(part));
}

/** The project that these files are; a single zip or script is sent as it is. Rejects with TooLargeToDrop. */
export async function projectOf(name: string, found: readonly ProjectFile[], tooLarge: string): Promise<Project> {
  const files = found.filter(file => !isLeftOut(file.path));
  const [only] = files;
  if (files.length === 1 && !only.path.includes('/') && /\.(py|sh|zip)$/i.test(only.path)) {
    return single(only.path, await only.read(), tooLarge);
  }
  const contents: Record<string, Uint8Array> = {};
  let size = 0;
  for (const file of files) { // one by one, so that the limit is met before memory holds it all
    contents[file.path] = await file.read();
    size += contents[file.path].length;
    if (size > LARGEST_BYTES) {
      throw new TooLargeToDrop(tooLarge);
    }
  }
  const zip = new File([zipSync(contents, { level: 1 }) as Uint8Array<ArrayBuffer>], `${name}.zip`);
  return { name, file: zip, scripts: scriptsOf(Object.keys(contents)), files: files.length };
}

function single(path: string, bytes: Uint8Array<ArrayBuffer>, tooLarge: string): Project {
  if (bytes.length > LARGEST_BYTES) {
    throw new TooLargeToDrop(tooLarge);
  }
  const names = /\.zip$/i.test(path) ? namesIn(bytes) : [path];
  return { name: path.replace(/\.\w+$/, ''), file: new File([bytes], path), scripts: scriptsOf(names), files: names.length };
}

/** The files in a zip, below the top folder where there is only one, as the server unwraps it. */
export function namesIn(zip: Uint8Array): string[] {
  const names: string[] = [];
  unzipSync(zip, { filter: entry => !names.push(entry.name) }); // what the filter refuses is not unpacked: only the names are wanted
  const files = names.filter(name => !name.endsWith('/') && !isLeftOut(name));
  const tops = new Set(files.map(name => (name.includes('/') ? name.slice(0, name.indexOf('/') + 1) : '')));
  const [top] = tops;
  return tops.size === 1 ? files.map(name => name.slice(top.length)) : files;
}

function scriptsOf(paths: string[]): string[] {
  const depth = (path: string) => path.split('/').length;
  return paths.filter(path => SCRIPT.test(path)).sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
}

/** The script that is meant where nobody says: `main.py`, `train.py`, or the only one at the top. */
export function likelyEntry(scripts: readonly string[]): string {
  const top = scripts.filter(path => !path.includes('/'));
  return ['main.py', 'train.py', 'run.sh'].find(name => top.includes(name)) ?? (top.length === 1 ? top[0] : '');
}
