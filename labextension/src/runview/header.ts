/** The line at the top of a run view: glyph, name, sentence, state of the connection, buttons. */
import { element, setText } from '../look/dom';
import { drawing, DrawingName } from '../look/glyphs';
import { glyphOf, syncWords } from '../look/sentences';
import { isHeardOf, isLive, Run } from '../server/types';
import type { Translate } from '../look/words';

/** What can be done from the line; a button stands only for what is given. */
export interface HeaderActions {
  onStop?: (run: Run) => void;
  onOpen?: () => void;
  /** Run it again as it was; asked when it is over. */
  onRerun?: (run: Run) => void;
  /** Show what differs from the run before, where there is one. */
  onDiff?: (run: Run) => void;
}

export class Header {
  private node: HTMLElement;
  private glyph: SVGSVGElement = drawing('waiting');
  private glyphName: DrawingName = 'waiting';
  private name: HTMLElement;
  private sentence: HTMLElement;
  private link: HTMLElement;
  private stop: HTMLButtonElement | null = null;
  private rerun: HTMLButtonElement | null = null;
  private diff: HTMLButtonElement | null = null;
  private hasBefore = false;
  private run: Run | null = null;

  constructor(
    parent: HTMLElement,
    private trans: Translate
  ) {
    this.node = element('header', 'gpurun-head', parent);
    this.node.append(this.glyph);
    const words = element('div', 'gpurun-words', this.node);
    this.name = element('span', 'gpurun-name', words);
    words.append(' '); // for who copies the line
    this.sentence = element('span', 'gpurun-sentence', words);
    this.link = element('span', 'gpurun-link', words);
    this.link.setAttribute('role', 'status');
    this.name.hidden = true;
    this.setLink('');
  }

  /** Add a button for each action; it is about the run as it is when the button is pressed. */
  addButtons({ onStop, onOpen, onRerun, onDiff }: HeaderActions): void {
    const { trans } = this;
    const buttons = element('div', 'gpurun-buttons', this.node);
    const add = (glyph: DrawingName, label: string, act: ((run: Run) => void) | undefined) => {
      const made = act ? button(buttons, glyph, label, () => this.run && act(this.run)) : null;
      if (made) {
        made.hidden = true;
      }
      return made;
    };
    this.stop = add('stop', trans.__('Stop'), onStop);
    this.rerun = add('rerun', trans.__('Rerun'), onRerun);
    this.diff = add('diff', trans.__('Diff'), onDiff);
    if (onOpen) {
      button(buttons, 'open', trans.__('Open'), onOpen).title = trans.__('Open the whole output in a tab');
    }
  }

  /** Whether there is a run to compare with. */
  setHasBefore(hasBefore: boolean): void {
    this.hasBefore = hasBefore;
    if (this.run) {
      this.setRun(this.run);
    }
  }

  setRun(run: Run): void {
    const { trans } = this;
    this.run = run;
    const glyph = glyphOf(run);
    if (glyph !== this.glyphName) {
      this.glyphName = glyph;
      const next = drawing(glyph);
      this.glyph.replaceWith(next);
      this.glyph = next;
    }
    this.name.hidden = false;
    setText(this.name, run.name);
    this.sentence.title = run.sync && run.agent ? trans.__('Output of %1: %2', run.agent, syncWords(run, trans)) : '';
    if (this.stop) {
      const [label, hover] = stopWords(run, trans);
      this.stop.hidden = !isLive(run);
      setText(this.stop.lastElementChild as HTMLElement, label);
      this.stop.title = hover;
      this.stop.setAttribute('aria-label', `${label} ${run.name}`);
    }
    if (this.rerun) {
      this.rerun.hidden = isLive(run) || isHeardOf(run);
      this.rerun.title = trans.__('Run it again as it was');
      this.rerun.setAttribute('aria-label', trans.__('Rerun %1', run.name));
    }
    if (this.diff) {
      this.diff.hidden = isLive(run) || !this.hasBefore;
      this.diff.title = trans.__('Compare with the run before: code, parameters, packages');
      this.diff.setAttribute('aria-label', trans.__('Compare %1 with the run before', run.name));
    }
  }

  setSentence(text: string): void {
    setText(this.sentence, text);
  }

  setLink(text: string): void {
    setText(this.link, text);
    this.link.hidden = !text;
  }
}

/** What the button does now, and what that means. */
function stopWords(run: Run, trans: Translate): [string, string] {
  if (isHeardOf(run)) {
    return [trans.__('Cancel'), trans.__('Call it cancelled; what carries it out is not stopped')];
  }
  switch (run.state) {
    case 'created':
    case 'queued':
      return [trans.__('Cancel'), trans.__('Take the run out of the queue')];
    case 'stopping':
      return [trans.__('Kill'), trans.__('It was interrupted and has not ended yet: kill it at once')];
    default:
      return [trans.__('Stop'), trans.__('Interrupt the run; pressed again: kill it')];
  }
}

function button(parent: HTMLElement, glyph: DrawingName, label: string, act: () => void): HTMLButtonElement {
  const made = element('button', `gpurun-button gpurun-button-${glyph}`, parent);
  made.type = 'button';
  made.append(drawing(glyph));
  element('span', '', made).textContent = label;
  made.addEventListener('click', act);
  return made;
}
