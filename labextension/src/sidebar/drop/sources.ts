/** Where dropped files come from: the desktop, by the browser's drag and drop, or JupyterLab's file browser. */
import type { Contents } from '@jupyterlab/services';
import { isLeftOut, ProjectFile } from './project';

export interface Dropped {
  name: string;
  files: ProjectFile[];
}

/** What was dropped from the desktop. The items are only there during the event, so they are looked at before any await. */
export function fromDesktop(items: DataTransferItemList): Promise<Dropped> {
  const roots = [...items].map(item => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  return gather(roots);
}

async function gather(roots: { entry: FileSystemEntry | null; file: File | null }[]): Promise<Dropped> {
  const [first] = roots;
  const name = (first?.entry?.name ?? first?.file?.name ?? 'dropped').replace(/\.\w+$/, '');
  if (roots.length === 1 && first.entry?.isDirectory) {
    return { name, files: await filesBelow(first.entry as FileSystemDirectoryEntry, '') };
  }
  const files: ProjectFile[] = [];
  for (const { entry, file } of roots) {
    if (entry?.isDirectory) {
      files.push(...(await filesBelow(entry as FileSystemDirectoryEntry, `${entry.name}/`)));
    } else if (file) {
      files.push({ path: file.name, read: () => bytesOf(file) });
    }
  }
  return { name, files };
}

async function filesBelow(folder: FileSystemDirectoryEntry, prefix: string): Promise<ProjectFile[]> {
  const found: ProjectFile[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = prefix + entry.name;
    if (isLeftOut(path)) {
      continue;
    }
    if (entry.isDirectory) {
      found.push(...(await filesBelow(entry as FileSystemDirectoryEntry, `${path}/`)));
    } else {
      found.push({ path, read: async () => bytesOf(await fileOf(entry as FileSystemFileEntry)) });
    }
  }
  return found;
}

/** A browser tells a hundred entries at a time, and nothing at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) {
      return all;
    }
    all.push(...some);
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.arrayBuffer());
}

/** What was dragged from the file browser: files and folders by their paths. */
export async function fromFileBrowser(contents: Contents.IManager, paths: readonly string[]): Promise<Dropped> {
  const models = await Promise.all(paths.map(path => contents.get(path, { content: false })));
  const [first] = models;
  const name = first.name.replace(/\.\w+$/, '');
  if (models.length === 1 && first.type === 'directory') {
    return { name, files: await contentsBelow(contents, first, '') };
  }
  const parts = models.map(model =>
    model.type === 'directory' ? contentsBelow(contents, model, `${model.name}/`) : [contentsFile(contents, model, '')]
  );
  return { name, files: (await Promise.all(parts)).flat() };
}

async function contentsBelow(contents: Contents.IManager, folder: Contents.IModel, prefix: string): Promise<ProjectFile[]> {
  const { content } = (await contents.get(folder.path)) as { content: Contents.IModel[] };
  const wanted = content.filter(model => !isLeftOut(model.name));
  const parts = wanted.map(model =>
    model.type === 'directory' ? contentsBelow(contents, model, `${prefix}${model.name}/`) : [contentsFile(contents, model, prefix)]
  );
  return (await Promise.all(parts)).flat();
}

function contentsFile(contents: Contents.IManager, model: Contents.IModel, prefix: string): ProjectFile {
  return {
    path: prefix + model.name,
    read: async () => {
      const { content } = await contents.get(model.path, { type: 'file', format: 'base64', content: true });
      return Uint8Array.from(atob(content as string), letter => letter.charCodeAt(0));
    }
  };
}
