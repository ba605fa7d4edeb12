/**
 * Displays of a run, drawn by JupyterLab's own renderers. They come from whoever ran it, so nothing in them is trusted: HTML
 * is sanitised and no script runs, as in a notebook that is not trusted.
 */
import { IRenderMimeRegistry, MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { PartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import { element } from '../look/dom';
import type { Translate } from '../look/words';
import { bundleText } from '../server/output';
import type { MimeBundle } from '../server/types';
import type { Shown } from './parts';

const MOST_KEPT = 40; // out of sight, with the state that they have
const HEIGHT_PX = 240; // until it is known; that of a small figure

interface Drawn {
  node: HTMLElement;
  renderer: IRenderMime.IRenderer | null;
  version: number;
}

export class Displays {
  private drawn = new Map<Shown, Drawn>(); // those seen last come last
  private heights = new WeakMap<Shown, number>(); // not forgotten with what was drawn: its room stays
  private shownBy = new WeakMap<Element, Shown>();
  private resized = new ResizeObserver(entries => this.measure(entries));

  /** `onHeight` is told when one turns out to be higher or lower than was thought. */
  constructor(
    private registry: IRenderMimeRegistry,
    private trans: Translate,
    private onHeight: () => void
  ) {}

  heightOf(shown: Shown): number {
    return this.heights.get(shown) ?? HEIGHT_PX;
  }

  /** The place of one that comes into sight; `draw` fills it once it is in the page. */
  show(shown: Shown): HTMLElement {
    const found = this.drawn.get(shown) ?? { node: this.makeNode(shown), renderer: null, version: -1 };
    this.drawn.delete(shown);
    this.drawn.set(shown, found);
    return found.node;
  }

  /** Draw what it shows now, unless that is drawn. */
  draw(shown: Shown): void {
    const drawn = this.drawn.get(shown)!;
    if (drawn.version !== shown.version) {
      drawn.version = shown.version;
      void this.render(shown, drawn); // which makes the renderer before it waits for anything: it is attached below
    }
    if (drawn.renderer && !drawn.renderer.isAttached) {
      Widget.attach(drawn.renderer, drawn.node, drawn.node.firstElementChild as HTMLElement | null);
    }
    this.resized.observe(drawn.node);
  }

  /** It goes out of sight: some that were seen last keep their state. */
  hide(shown: Shown): void {
    const { node, renderer } = this.drawn.get(shown)!;
    this.resized.unobserve(node);
    if (renderer?.isAttached) {
      Widget.detach(renderer); // Lumino would not hear of it if the node alone were taken away
    }
    for (const [other, { node: place }] of this.drawn) {
      if (this.drawn.size <= MOST_KEPT) {
        break;
      }
      if (!place.isConnected || other === shown) {
        this.forget(other);
      }
    }
  }

  /** The page goes away, for good or to be put somewhere else: then `draw` goes on. */
  detach(): void {
    for (const { renderer } of this.drawn.values()) {
      if (renderer?.isAttached) {
        Widget.detach(renderer);
      }
    }
  }

  dispose(): void {
    this.resized.disconnect();
    [...this.drawn.keys()].forEach(shown => this.forget(shown));
  }

  private makeNode(shown: Shown): HTMLElement {
    const node = element('div', 'gpurun-display');
    node.setAttribute('role', 'figure');
    this.shownBy.set(node, shown);
    return node;
  }

  private async render(shown: Shown, drawn: Drawn): Promise<void> {
    drawn.node.style.minHeight = `${drawn.node.offsetHeight}px`; // until its images are there, or what is below would jump
    const { data, notes } = this.drawable(shown.data);
    const mime = this.registry.preferredMimeType(data, 'ensure');
    if (drawn.renderer?.node.dataset.mimeType !== mime) { // one of the same kind goes on, with its state
      drawn.renderer?.dispose();
      drawn.renderer = mime ? this.registry.createRenderer(mime) : null;
    }
    drawn.node.replaceChildren(...(drawn.renderer?.isAttached ? [drawn.renderer.node] : []), ...notes);
    const { node, renderer, version } = drawn;
    const name = bundleText(shown.data).split('\n')[0].slice(0, 200) || this.trans.__('Display');
    node.setAttribute('aria-label', name); // what a person is told who does not see it
    try {
      await renderer?.renderModel(new MimeModel({ data, metadata: shown.metadata as PartialJSONObject, trusted: false }));
    } catch (error) {
      node.append(this.note(this.trans.__('It cannot be drawn: %1', (error as Error).message)));
    }
    const images = [...node.querySelectorAll('img')];
    images.filter(image => !image.hasAttribute('alt')).forEach(image => (image.alt = name));
    await Promise.allSettled(images.map(image => image.decode())); // a broken image holds up nothing
    if (drawn.version === version) { // else another drawing is under way, whose turn it is
      node.style.minHeight = '';
    }
  }

  /** What is given to the renderers, and what is said where that shows less than there is. */
  private drawable(data: MimeBundle): { data: PartialJSONObject; notes: HTMLElement[] } {
    const safe = this.registry.preferredMimeType(data as PartialJSONObject, 'ensure');
    const svg = data['image/svg+xml'];
    if (typeof svg === 'string' && (!safe || safe === 'text/plain')) {
      return { data: { 'text/html': imageOf(svg) }, notes: [] };
    }
    const html = safe === 'text/html' ? String(data['text/html']) : '';
    if (/<script/i.test(html)) {
      return { data: data as PartialJSONObject, notes: [this.note(this.trans.__('It has scripts, which do not run on this page.'))] };
    }
    if (!safe) {
      const kinds = Object.keys(data).join(', ');
      return { data: {}, notes: [this.note(this.trans.__('This page does not show %1.', kinds))] };
    }
    return { data: data as PartialJSONObject, notes: [] };
  }

  private note(text: string): HTMLElement {
    const made = element('p', 'gpurun-tab-note gpurun-display-note');
    made.textContent = text;
    return made;
  }

  private forget(shown: Shown): void {
    const drawn = this.drawn.get(shown);
    this.drawn.delete(shown);
    drawn?.renderer?.dispose();
  }

  private measure(entries: readonly ResizeObserverEntry[]): void {
    for (const { target } of entries) {
      const shown = this.shownBy.get(target);
      const node = target as HTMLElement;
      if (shown && node.isConnected) { // what was just taken away has no height
        this.heights.set(shown, node.offsetHeight);
        // what scrolls has to be within reach of the keyboard
        node.tabIndex = node.scrollHeight > node.clientHeight || node.scrollWidth > node.clientWidth ? 0 : -1;
      }
    }
    this.onHeight();
  }
}

/** An SVG as an image, in which no script runs. */
function imageOf(svg: string): string {
  return `<img src="data:image/svg+xml,${encodeURIComponent(svg)}">`;
}
