/** What a file looks like: text, an image, the first rows of a table. Nothing in it is executed. */
import { element } from '../look/dom';
import * as format from '../look/format';
import type { RunFile } from '../server/requests';
import { firstRows } from './csv';
import type { Drawn, ReadOnly } from './readonly';
import { note, PageParts, table } from './tab';

const LONGEST_TEXT = 2 ** 20; // bytes
const LONGEST_IMAGE = 20 * 2 ** 20;
const MOST_ROWS = 200;
const IMAGES: Record<string, string> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  bmp: 'image/bmp',
  svg: 'image/svg+xml' // in an <img> it runs no script
};

export class Preview {
  readonly node = element('section', 'gpurun-preview');
  private drawn: Drawn | null = null;
  private asked = 0;

  constructor(
    private parts: PageParts,
    private readOnly: ReadOnly
  ) {
    this.node.setAttribute('aria-label', parts.trans.__('Preview'));
    this.clear();
  }

  clear(): void {
    this.begin();
    note(this.node, this.parts.trans.__('Choose a file to look at it.'));
  }

  async show(file: RunFile): Promise<void> {
    const asked = this.begin();
    try {
      await this.draw(file, asked);
    } catch (error) {
      if (asked === this.asked) {
        note(this.node, (error as Error).message);
      }
    }
  }

  dispose(): void {
    this.begin();
  }

  /** Show nothing; what was asked for before is drawn only while the number that is returned is the last. */
  private begin(): number {
    this.drawn?.dispose();
    this.drawn = null;
    this.node.replaceChildren();
    return ++this.asked;
  }

  private async draw(file: RunFile, asked: number): Promise<void> {
    const { trans } = this.parts;
    const ending = file.path.split('.').pop()?.toLowerCase() ?? '';
    const isImage = ending in IMAGES;
    if (file.size > (isImage ? LONGEST_IMAGE : LONGEST_TEXT)) {
      note(this.node, trans.__('%1 is too big to be shown here: download it.', format.bytes(file.size)));
      return;
    }
    const blob = await this.parts.requests.file(file.path);
    const text = isImage ? '' : await blob.text();
    if (asked !== this.asked) {
      return; // another was chosen meanwhile
    }
    if (isImage) {
      this.image(file, new Blob([blob], { type: IMAGES[ending] })); // the server names no type: it sends bytes to be saved
    } else {
      await this.text(file, ending, text, asked);
    }
  }

  private image(file: RunFile, blob: Blob): void {
    const url = URL.createObjectURL(blob);
    const image = element('img', 'gpurun-preview-image', this.node);
    image.alt = file.path;
    image.src = url;
    this.drawn = { dispose: () => URL.revokeObjectURL(url) };
  }

  private async text(file: RunFile, ending: string, text: string, asked: number): Promise<void> {
    const { trans } = this.parts;
    if (text.includes('\0')) {
      note(this.node, trans.__('This is no text: download it.'));
    } else if (ending === 'csv' || ending === 'tsv') {
      // two more: the heads, and one that tells whether there are others
      const [heads, ...rows] = firstRows(text, ending === 'csv' ? ',' : '\t', MOST_ROWS + 2);
      this.node.append(table(file.path, heads ?? [], rows.slice(0, MOST_ROWS)));
      if (rows.length > MOST_ROWS) {
        note(this.node, trans.__('The first %1 rows; download the file for the rest.', MOST_ROWS));
      }
    } else {
      const drawn = await this.readOnly.show(this.node, text, file.path, file.path);
      if (asked === this.asked) {
        this.drawn = drawn;
      } else {
        drawn.dispose();
      }
    }
  }
}
