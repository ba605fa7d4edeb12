/** A tab of a run's page. Nothing is asked of the server and nothing is drawn before somebody looks at it. */
import { Panel } from '@lumino/widgets';
import { element } from '../look/dom';
import type { Translate } from '../look/words';
import type { RunRequests } from '../server/requests';
import type { IRunServer } from '../server/server';
import type { Run } from '../server/types';

const AGAIN_MS = 1000; // what failed is not tried again sooner: a run that goes on is told of ten times a second

export type TabName = 'output' | 'charts' | 'files' | 'config' | 'compare' | 'history';

/** What the tabs of one page share. */
export interface PageParts {
  readonly server: IRunServer;
  readonly requests: RunRequests;
  readonly trans: Translate;
  /** Carry out one of gpurun's commands for the run, if some plugin offers it. */
  readonly command: (id: string, args?: Record<string, string>) => (() => void) | undefined;
}

export abstract class Tab extends Panel {
  private seen: string | null = null;
  private retryAt = Infinity; // from when on what failed is tried again
  private loading = Promise.resolve();
  private trouble = element('p', 'gpurun-tab-trouble');
  protected run: Run | null = null;

  constructor(
    readonly name: TabName,
    label: string,
    protected parts: PageParts
  ) {
    super();
    this.addClass('gpurun-tab');
    this.addClass(`gpurun-tab-${name}`);
    this.title.label = label;
    this.trouble.hidden = true;
    this.node.tabIndex = -1; // the keyboard is here when the page is activated
    this.trouble.setAttribute('role', 'alert');
    this.node.append(this.trouble);
  }

  /** Somebody looks at the tab: load it, once, or again where it failed or would show something else. */
  wake(run: Run | null): void {
    this.run = run;
    const version = run && `${run.state} ${run.attempt}`;
    if (version && (version !== this.seen || Date.now() >= this.retryAt)) {
      this.seen = version;
      this.retryAt = Infinity;
      this.loading = this.loading.then(() => this.tryToLoad()); // one after another: they draw in the same place
    }
  }

  private async tryToLoad(): Promise<void> {
    try {
      await this.load();
      this.tell('');
      this.retryAt = Infinity; // one before it may have failed
    } catch (error) {
      this.tell((error as Error).message);
      this.retryAt = Date.now() + AGAIN_MS;
    }
  }

  /** Ask the server and draw. What goes wrong is said in the tab. */
  protected abstract load(): Promise<void>;

  private tell(text: string): void {
    this.trouble.hidden = !text;
    this.trouble.textContent = text;
  }
}

/** A sentence in the place of something that is not there. */
export function note(parent: HTMLElement, text: string): HTMLElement {
  const made = element('p', 'gpurun-tab-note', parent);
  made.textContent = text;
  return made;
}

/** A table with these heads and rows; a cell is a text or an element. */
export function table(caption: string, heads: readonly string[], rows: readonly (readonly (string | HTMLElement)[])[]): HTMLTableElement {
  const made = element('table', 'gpurun-table');
  made.setAttribute('aria-label', caption);
  const head = made.createTHead().insertRow();
  for (const text of heads) {
    const cell = element('th', '', head);
    cell.scope = 'col';
    cell.textContent = text;
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach(content => line.insertCell().append(content));
  }
  return made;
}

/** A button within a page. */
export function pageButton(label: string, act: () => void): HTMLButtonElement {
  const made = element('button', 'gpurun-small-button');
  made.type = 'button';
  made.textContent = label;
  made.addEventListener('click', act);
  return made;
}
