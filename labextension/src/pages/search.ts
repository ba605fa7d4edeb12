/** The search box over a run's output: how many lines hold the text, and the way from one to the next. */
import { searchIcon } from '@jupyterlab/ui-components';
import { element, setText } from '../look/dom';
import type { PageParts } from './tab';

const PAUSE_MS = 200; // after the last key

export class Search {
  readonly node = element('div', 'gpurun-search');
  private input = element('input', 'jp-mod-styled gpurun-search-input');
  private count = element('span', 'gpurun-search-count');
  private steps: HTMLButtonElement[];
  private lines: number[] = [];
  private total = 0;
  private at = -1;
  private timer = 0;
  private asked = '';

  constructor(
    private parts: PageParts,
    private findHere: (text: string) => number[] | null,
    private goTo: (line: number | null) => void
  ) {
    const { trans } = parts;
    this.node.setAttribute('role', 'search');
    this.input.type = 'search';
    this.input.placeholder = trans.__('Search the output');
    this.input.setAttribute('aria-label', this.input.placeholder);
    this.input.addEventListener('input', () => this.later());
    this.input.addEventListener('keydown', event => this.keyDown(event));
    this.count.setAttribute('role', 'status');
    searchIcon.element({ container: element('span', 'gpurun-search-icon', this.node), tag: 'span', stylesheet: 'menuItem' });
    this.node.append(this.input);
    this.steps = [this.step('‹', trans.__('Previous match'), -1), this.step('›', trans.__('Next match'), 1)];
    this.node.append(this.count);
    this.tell();
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  dispose(): void {
    clearTimeout(this.timer);
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.look(), PAUSE_MS);
  }

  /** Look for the text: in what is kept here where that is all, else the server does. The last match is shown first. */
  private async look(): Promise<void> {
    clearTimeout(this.timer);
    const text = this.input.value;
    this.asked = text;
    const here = text ? this.findHere(text) : [];
    try {
      const found = here ? { lines: here, total: here.length } : await this.askServer(text);
      if (this.asked === text) { // else something else is looked for by now
        this.show(found.lines, found.total);
      }
    } catch (error) {
      if (this.asked === text) {
        setText(this.count, (error as Error).message);
      }
    }
  }

  private async askServer(text: string): Promise<{ lines: number[]; total: number }> {
    setText(this.count, this.parts.trans.__('searching'));
    const { found, count } = await this.parts.requests.search(text);
    return { lines: found.map(({ line }) => line), total: count };
  }

  private show(lines: number[], total: number): void {
    this.lines = lines;
    this.total = total;
    this.at = lines.length - 1;
    this.tell();
    this.goTo(lines[this.at] ?? null);
  }

  private move(step: number): void {
    if (this.lines.length) {
      this.at = (this.at + step + this.lines.length) % this.lines.length;
      this.tell();
      this.goTo(this.lines[this.at]);
    }
  }

  private tell(): void {
    const { trans } = this.parts;
    const words = this.lines.length ? trans.__('%1 of %2', this.at + 1, this.total.toLocaleString('en-US')) : trans.__('no match');
    setText(this.count, this.input.value ? words : '');
    this.steps.forEach(button => (button.disabled = !this.lines.length));
  }

  private keyDown(event: KeyboardEvent): void {
    if (event.key === 'Enter') {
      if (this.input.value !== this.asked) { // the pause after the last key is not over
        void this.look();
      } else {
        this.move(event.shiftKey ? -1 : 1);
      }
    } else if (event.key === 'Escape' && this.input.value) {
      this.input.value = '';
      void this.look();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private step(text: string, label: string, step: number): HTMLButtonElement {
    const made = element('button', 'gpurun-button gpurun-search-step', this.node);
    made.type = 'button';
    made.textContent = text;
    made.title = label;
    made.setAttribute('aria-label', label);
    made.addEventListener('click', () => this.move(step));
    return made;
  }
}
