/**
 * The run view: what a run is doing, in the order in which a person asks. It is drawn under a cell (by Lab or by the
 * widget) and at the top of a run's page. It imports nothing of Jupyter, and draws nothing but text nodes.
 */
import { BarRows } from './bars';
import { element, setText } from '../look/dom';
import { Header, HeaderActions } from './header';
import { LineTail } from '../terminal/lines';
import { LineSheet } from './linesheet';
import { LogBox } from './logbox';
import { NumbersRow } from './metrics';
import { checkpointWords, dots, memoryWords, stateName, stateSentence, syncWords } from '../look/sentences';
import { addStylesheet } from '../look/stylesheet';
import { Facts, isLive, Previous, Run } from '../server/types';
import { english, Translate } from '../look/words';

const ROWS_UNDER_A_CELL = 12;

export interface RunViewOptions extends HeaderActions {
  /** Lines that somebody else feeds; call `redraw` when they changed. Without it the view has its own. */
  tail?: LineTail;
  trans?: Translate;
  /** Where the whole output can be read, should there be more than is kept. */
  logUrl?: string;
  /** Draw everything but the output, which is shown elsewhere. */
  withoutLog?: boolean;
}

export interface RunView {
  /** Show the run as it is now. `still` says that nobody keeps it up to date: its clock stands. */
  setRun(run: Run, still?: boolean): void;
  /** Show what the log told beside the run and its output. */
  setFacts(facts: Facts): void;
  /** Show the run before behind this one. */
  setPrevious(previous: Previous | null): void;
  /** Say something in the place of a run that is not known yet. */
  setUnknown(text: string): void;
  /** Say what is wrong with the connection; an empty text where nothing is. */
  setLink(text: string): void;
  /** Add raw terminal text. */
  append(text: string): void;
  /** Show `text`, the end of an output that has `lineCount` lines. */
  replaceOutput(text: string, lineCount: number): void;
  /** Show other lines that somebody else feeds. */
  showTail(tail: LineTail): void;
  redraw(): void;
  dispose(): void;
}

/** Draw a run view into `el`. */
export function mountRunView(el: HTMLElement, options: RunViewOptions = {}): RunView {
  return new RunViewInPage(el, options);
}

class RunViewInPage implements RunView {
  private root = element('section', 'gpurun-view');
  private head: Header;
  private bars = new BarRows();
  private numbers: NumbersRow;
  private checkpoint = element('div', 'gpurun-checkpoint');
  private said = element('div', 'gpurun-said');
  private facts: Facts = { curves: {}, sample: null, checkpoints: 0, checkpoint: null };
  private tail: LineTail;
  private lines: LineSheet;
  private log: LogBox;
  private trans: Translate;
  private run: Run | null = null;
  private previous: Previous | null = null;
  private clock = 0;

  constructor(el: HTMLElement, options: RunViewOptions) {
    this.trans = options.trans ?? english;
    this.head = new Header(this.root, this.trans);
    this.tail = options.tail ?? new LineTail();
    this.numbers = new NumbersRow(this.trans);
    this.lines = new LineSheet(this.tail);
    this.log = new LogBox({
      sheet: this.lines,
      trans: this.trans,
      maxRows: ROWS_UNDER_A_CELL,
      onOpen: options.onOpen,
      logUrl: options.logUrl
    });
    this.root.append(this.bars.node, this.numbers.node, this.checkpoint);
    this.root.append(...(options.withoutLog ? [] : [this.log.node]), this.said);
    this.root.setAttribute('role', 'group');
    this.said.setAttribute('role', 'status'); // tells who listens of a new state, and not of each second
    this.bars.show([]);
    this.checkpoint.hidden = true;
    this.setUnknown(this.trans.__('waiting for news of the run'));
    this.head.addButtons(options);
    el.append(this.root);
    addStylesheet(this.root); // once it is in the page: the sheet goes into the tree that it is in
    this.redraw();
  }

  setRun(run: Run, still = false): void {
    const told = this.run?.state;
    const toldWay = syncWords(this.run ?? {}, this.trans);
    this.run = run;
    this.root.dataset.runId = run.id;
    this.root.dataset.state = run.outcome ?? run.state;
    this.root.classList.toggle('gpurun-over', !isLive(run));
    this.root.setAttribute('aria-label', this.trans.__('Run %1', run.name));
    this.head.setRun(run);
    this.tick();
    if (told && told !== run.state) {
      setText(this.said, `${run.name}: ${isLive(run) ? stateName(run, this.trans) : this.sentence()}`);
    } else if (toldWay && isLive(run) && toldWay !== syncWords(run, this.trans)) {
      setText(this.said, `${run.name}: ${syncWords(run, this.trans)}`);
    }
    // How far it came is worth seeing unless it came to its end.
    this.bars.show(run.outcome === 'succeeded' ? [] : (run.progress?.bars ?? []));
    if (!isLive(run)) {
      this.bars.release();
    }
    this.showNumbers();
    this.runClock(!still && isLive(run) && run.started_at !== null);
  }

  setFacts(facts: Facts): void {
    this.facts = facts;
    setText(this.checkpoint, checkpointWords(facts, this.trans));
    this.checkpoint.hidden = !this.checkpoint.textContent;
    this.showNumbers();
  }

  setPrevious(previous: Previous | null): void {
    this.previous = previous;
    this.head.setHasBefore(previous !== null);
    this.showNumbers();
  }

  setUnknown(text: string): void {
    if (!this.run) {
      this.head.setSentence(text);
    }
  }

  setLink(text: string): void {
    this.head.setLink(text);
  }

  append(text: string): void {
    this.tail.feed(text);
    this.redraw();
  }

  replaceOutput(text: string, lineCount: number): void {
    this.tail.replace(text, lineCount);
    this.redraw();
  }

  showTail(tail: LineTail): void {
    this.tail = tail;
    this.lines.show(tail);
    this.redraw();
  }

  redraw(): void {
    this.log.redraw();
  }

  dispose(): void {
    this.runClock(false);
    this.log.dispose();
    this.root.remove();
  }

  private showNumbers(): void {
    const { run, facts } = this;
    if (run) {
      this.numbers.showMetrics(run.metrics ?? {}, facts.curves, this.previous, !isLive(run));
      this.numbers.showUsage(isLive(run) ? facts.sample : null);
    }
  }

  private sentence(): string {
    const { run, trans } = this;
    const { sample } = this.facts;
    const memory = run && isLive(run) && !sample?.devices?.length ? memoryWords(sample, trans) : '';
    return run ? dots(stateSentence(run, Date.now() / 1000, trans), memory) : '';
  }

  private tick = (): void => {
    if (this.run) {
      this.head.setSentence(this.sentence());
    }
  };

  private runClock(on: boolean): void {
    if (on !== this.clock > 0) {
      clearInterval(this.clock);
      this.clock = on ? window.setInterval(this.tick, 1000) : 0;
    }
  }
}
