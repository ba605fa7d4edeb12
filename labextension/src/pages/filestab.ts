/** The files that a run left: browse, look at one, download. */
import { element } from '../look/dom';
import * as format from '../look/format';
import type { RunFile } from '../server/requests';
import { Preview } from './preview';
import type { ReadOnly } from './readonly';
import { note, PageParts, Tab } from './tab';

const MOST_SHOWN = 1000;

export class FilesTab extends Tab {
  private side = element('div', 'gpurun-files-side');
  private filter = element('input', 'jp-mod-styled gpurun-files-filter');
  private list = element('ul', 'gpurun-files-list');
  private preview: Preview;
  private files: RunFile[] = [];
  private chosen = '';

  constructor(parts: PageParts, readOnly: ReadOnly) {
    super('files', parts.trans.__('Files'), parts);
    this.filter.type = 'search';
    this.filter.placeholder = parts.trans.__('Filter files by name');
    this.filter.setAttribute('aria-label', this.filter.placeholder);
    this.filter.addEventListener('input', () => this.showList());
    this.side.append(this.filter, this.list);
    this.preview = new Preview(parts, readOnly);
    this.node.append(this.side, this.preview.node);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.preview.dispose();
      super.dispose();
    }
  }

  protected async load(): Promise<void> {
    this.files = (await this.parts.requests.files()).files;
    this.showList();
    if (this.chosen && !this.files.some(file => file.path === this.chosen)) {
      this.preview.clear();
    }
  }

  private showList(): void {
    const { trans } = this.parts;
    const wanted = this.filter.value.toLowerCase();
    const found = this.files.filter(file => file.path.toLowerCase().includes(wanted));
    this.list.replaceChildren(...found.slice(0, MOST_SHOWN).map(file => this.row(file)));
    const item = () => element('li', '', this.list);
    if (!this.files.length) {
      note(item(), trans.__('The run has left no files.'));
    } else if (!found.length) {
      note(item(), trans.__('No file has this in its name.'));
    } else if (found.length > MOST_SHOWN) {
      note(item(), trans.__('%1 more: say more of the name.', found.length - MOST_SHOWN));
    }
  }

  private row(file: RunFile): HTMLElement {
    const { trans, requests } = this.parts;
    const row = element('li', 'gpurun-file');
    const open = element('button', 'gpurun-file-open', row);
    open.type = 'button';
    open.setAttribute('aria-pressed', String(file.path === this.chosen));
    element('span', 'gpurun-file-name', open).textContent = file.path;
    element('span', 'gpurun-file-size', open).textContent = format.bytes(file.size);
    open.title = new Date(1000 * file.modified_at).toLocaleString();
    open.addEventListener('click', () => this.choose(file, open));
    const download = element('a', 'gpurun-linklike gpurun-file-download', row);
    download.href = requests.fileUrl(file.path);
    download.download = '';
    download.textContent = trans.__('Download');
    download.setAttribute('aria-label', trans.__('Download %1', file.path));
    return row;
  }

  private choose(file: RunFile, button: HTMLElement): void {
    this.list.querySelectorAll('[aria-pressed=true]').forEach(node => node.setAttribute('aria-pressed', 'false'));
    button.setAttribute('aria-pressed', 'true');
    this.chosen = file.path;
    void this.preview.show(file);
  }
}
