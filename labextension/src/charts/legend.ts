/** What stands above a chart: its title, and of each curve a button that hides it, with its value under the cursor. */
import { element, setText } from '../look/dom';
import type { Translate } from '../look/words';

const MOST_BUTTONS = 12;

export interface LegendEntry {
  label: string;
  colour: string;
  dashes: readonly number[];
  shown: boolean;
}

export class Legend {
  readonly node = element('figcaption', 'gpurun-chart-head');
  private list: HTMLElement;
  private values: HTMLElement[] = [];
  private swatches: SVGElement[] = [];

  constructor(
    title: string,
    private trans: Translate,
    private toggle: (index: number) => void,
    private point: (index: number | null) => void
  ) {
    element('span', 'gpurun-chart-title', this.node).textContent = title;
    this.list = element('span', 'gpurun-chart-legend', this.node);
  }

  /** Show which curves there are; of very many only how many. */
  show(entries: readonly LegendEntry[]): void {
    this.list.replaceChildren();
    this.values = [];
    this.swatches = [];
    if (entries.length > MOST_BUTTONS) {
      this.list.textContent = this.trans.__('%1 curves', entries.length);
      return;
    }
    entries.forEach((entry, index) => this.add(entry, index));
  }

  /** Give the curves the colours of another theme. */
  recolour(colours: readonly string[]): void {
    this.swatches.forEach((swatch, i) => swatch.setAttribute('stroke', colours[i]));
  }

  /** What each curve is under the cursor. */
  setValues(texts: readonly string[]): void {
    this.values.forEach((node, i) => setText(node, texts[i] ?? ''));
  }

  /** Put the keyboard's focus on the button of a curve, which was drawn anew. */
  focus(index: number): void {
    this.list.querySelectorAll('button')[index]?.focus();
  }

  private add(entry: LegendEntry, index: number): void {
    const button = element('button', 'gpurun-chart-curve', this.list);
    button.type = 'button';
    button.title = this.trans.__('Show or hide this curve');
    button.setAttribute('aria-pressed', String(entry.shown));
    const swatch = lineSample(entry);
    button.append(swatch);
    element('span', 'gpurun-chart-label', button).textContent = entry.label;
    this.swatches.push(swatch.firstElementChild as SVGElement);
    this.values.push(element('span', 'gpurun-chart-value', button));
    button.addEventListener('click', () => this.toggle(index));
    button.addEventListener('mouseenter', () => this.point(index));
    button.addEventListener('mouseleave', () => this.point(null));
  }
}

function lineSample({ colour, dashes }: LegendEntry): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 20 8');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', 'M0 4H20');
  line.setAttribute('stroke', colour);
  line.setAttribute('stroke-width', '2');
  line.setAttribute('stroke-dasharray', dashes.join(' '));
  svg.append(line);
  return svg;
}
