/** A transcript behind the window of a log box: lines of one height, and between them displays as high as they are. */
import { element, setText } from '../look/dom';
import type { Translate } from '../look/words';
import type { Anchor, Counted, Sheet } from '../runview/sheet';
import { lineNodes } from '../runview/spans';
import type { Displays } from './displays';
import type { Part, Printed, Section } from './parts';
import type { Transcript } from './transcript';

const SECTION_PX = 32;

/** Where a part was laid out. */
interface Place {
  part: Part;
  top: number;
  height: number;
}

export interface OutputSheetOptions {
  transcript: () => Transcript;
  /** How many lines the run has printed, as surely as it is known, and which these are. */
  told: () => Omit<Counted, 'length'>;
  displays: Displays;
  trans: Translate;
}

export class OutputSheet implements Sheet {
  readonly node = element('div', 'gpurun-sheet');
  private places: Place[] = [];
  private lineHeight = 1;
  private drawn = new Map<Part, HTMLElement>();

  constructor(private options: OutputSheetOptions) {}

  get counted(): Counted {
    const told = this.options.told();
    const length = this.options.transcript().lines;
    return { ...told, length, total: Math.max(length, told.total) };
  }

  layOut(lineHeight: number): number {
    this.lineHeight = lineHeight;
    let top = 0;
    this.places = this.options.transcript().parts.map(part => {
      const place = { part, top, height: this.heightOf(part) };
      top += place.height;
      return place;
    });
    return top;
  }

  /** What is as high again as the window is drawn above and below it, so that figures are there before they are seen. */
  draw(top: number, bottom: number): void {
    const window = bottom - top;
    this.node.style.setProperty('--gpurun-window-width', `${this.node.parentElement?.clientWidth ?? 0}px`); // as wide as displays are, however long lines are
    this.node.style.setProperty('--gpurun-window-height', `${window}px`);
    const places = this.places.filter(place => place.top + place.height > top - window && place.top < bottom + window);
    const nodes = new Map(places.map(({ part }) => [part, this.drawn.get(part) ?? this.make(part)]));
    const [first] = places;
    let begin = first?.top ?? 0;
    for (const { part, top: at } of places) {
      if (part.kind === 'printed') {
        const row = Math.max(0, Math.floor((top - window - at) / this.lineHeight));
        const last = Math.min(part.tail.length, Math.ceil((bottom + window - at) / this.lineHeight));
        nodes.get(part)!.replaceChildren(lineNodes(part.tail, row, last));
        begin += part === first.part ? row * this.lineHeight : 0; // rows may be left out above in the first one only
      }
    }
    this.node.style.top = `${begin}px`;
    this.put(nodes);
  }

  anchorAt(top: number): Anchor {
    const place = this.places.find(one => one.top + one.height > top) ?? this.places[this.places.length - 1]; // there may be less than when it was scrolled
    if (!place) {
      return { part: null, row: 0, offset: 0 };
    }
    const below = top - place.top;
    const row = place.part.kind === 'printed' ? Math.floor(below / this.lineHeight) : 0;
    return { part: place.part, row: row + firstOf(place.part), offset: below - row * this.lineHeight };
  }

  anchorOf(index: number): Anchor {
    const { part, row } = this.options.transcript().at(index);
    return { part, row: row + firstOf(part), offset: 0 };
  }

  find({ part, row, offset }: Anchor): { top: number; height: number } | null {
    const place = this.places.find(one => one.part === part);
    if (!place) {
      return null;
    }
    const isText = place.part.kind === 'printed';
    const down = isText ? (row - firstOf(place.part)) * this.lineHeight : 0;
    return { top: place.top + Math.max(0, down + offset), height: isText ? this.lineHeight : place.height }; // its lines may be gone
  }

  private heightOf(part: Part): number {
    switch (part.kind) {
      case 'printed':
        return part.tail.length * this.lineHeight;
      case 'shown':
        return this.options.displays.heightOf(part);
      case 'section':
        return SECTION_PX;
    }
  }

  private make(part: Part): HTMLElement {
    switch (part.kind) {
      case 'printed':
        return element('pre', textClass(part));
      case 'shown':
        return this.options.displays.show(part);
      case 'section':
        return sectionNode(part, this.options.trans);
    }
  }

  /** Have these nodes and no others, in their order; what is there already stays in its place, and keeps its state. */
  private put(nodes: Map<Part, HTMLElement>): void {
    for (const [part, node] of this.drawn) {
      if (!nodes.has(part)) {
        this.takeAway(part, node);
      }
    }
    let next = this.node.firstChild;
    for (const [part, node] of nodes) {
      if (node === next) {
        next = next.nextSibling;
      } else {
        this.node.insertBefore(node, next);
      }
      if (part.kind === 'shown') {
        this.options.displays.draw(part);
      }
    }
    this.drawn = nodes;
  }

  private takeAway(part: Part, node: HTMLElement): void {
    if (node.contains(document.activeElement)) {
      this.node.parentElement?.focus({ preventScroll: true }); // the keyboard goes on from here
    }
    if (part.kind === 'shown') {
      this.options.displays.hide(part);
    }
    node.remove();
  }
}

function firstOf(part: Part): number {
  return part.kind === 'printed' ? part.tail.first : 0;
}

function textClass({ isFolded }: Printed): string {
  return isFolded ? 'gpurun-sheet-text gpurun-sheet-folded' : 'gpurun-sheet-text';
}

function sectionNode({ attempt, cell }: Section, trans: Translate): HTMLElement {
  const made = element('div', 'gpurun-sheet-section');
  const words = attempt ? trans.__('attempt %1', attempt) : trans.__('cell %1 of %2', cell?.number, cell?.total);
  setText(element('span', 'gpurun-sheet-section-name', made), words);
  const line = cell?.code.split('\n').find(one => one.trim()) ?? '';
  setText(element('code', '', made), line);
  return made;
}
