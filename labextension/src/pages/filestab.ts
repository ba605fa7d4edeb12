/** The files that a run left: browse, look at one, download. What was shipped and is unchanged is folded away. */
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
  private list = element('div', 'gpurun-files-list');
  private made = element('ul', '', this.list);
  private fold = element('details', 'gpurun-files-shipped', this.list);
  private summary = element('summary', '', this.fold);
  private shipped = element('ul', '', this.fold);
  private preview: Preview;
  private files: RunFile[] = [];
  private more = false;
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
    const found = await this.parts.requests.files();
    this.files = found.files;
    this.more = found.more;
    this.showList();
    if (this.chosen && !this.files.some(file => file.path === this.chosen)) {
      this.preview.clear();
    }
  }

  private showList(): void {
    const { trans } = this.parts;
    const wanted = this.filter.value.toLowerCase();
    const found = this.files.filter(file => file.path.toLowerCase().includes(wanted));
    const made = found.filter(file => !file.shipped);
    const shipped = found.filter(file => file.shipped);
    this.fill(this.made, made);
    this.fill(this.shipped, shipped);
    if (!this.files.some(file => !file.shipped)) {
      this.say(this.made, trans.__('The run has made and changed no files.'));
    } else if (!found.length) {
      this.say(this.made, trans.__('No file has this in its name.'));
    }
    if (this.more) {
      const count = this.files.length.toLocaleString();
      this.say(this.made, trans.__('The run has more files than these %1: `gpurun files RUN` lists all.', count));
    }
    this.fold.hidden = !shipped.length;
    this.fold.open ||= !!wanted && !made.length; // what was looked for is in there
    this.summary.textContent = trans._n('%1 shipped file, unchanged', '%1 shipped files, unchanged', shipped.length);
  }

  private fill(list: HTMLElement, files: readonly RunFile[]): void {
    list.replaceChildren(...files.slice(0, MOST_SHOWN).map(file => this.row(file)));
    if (files.length > MOST_SHOWN) {
      this.say(list, this.parts.trans.__('%1 more: say more of the name.', files.length - MOST_SHOWN));
    }
  }

  private say(list: HTMLElement, text: string): void {
    note(element('li', '', list), text);
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
