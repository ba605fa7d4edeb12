/** A tab of a run's page. Nothing is asked of the server and nothing is drawn before somebody looks at it. */
import { Panel } from '@lumino/widgets';
import { element } from '../look/dom';
import type { Translate } from '../look/words';
import type { RunRequests } from '../server/requests';
import type { IRunServer } from '../server/server';
import type { Run } from '../server/types';

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
  private asked = false;
  private seen = '';
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
    this.trouble.setAttribute('role', 'alert');
    this.node.append(this.trouble);
  }

  /** Somebody looks at the tab: load it, once, or again where it would show something else. */
  wake(run: Run | null): void {
    this.run = run ?? this.run;
    const version = this.version(this.run);
    if (!this.asked || version !== this.seen) {
      this.asked = true;
      this.seen = version;
      void this.load().then(
        () => this.tell(''),
        error => this.tell((error as Error).message)
      );
    }
  }

  /** Whatever makes the tab load anew when it changes. */
  protected version(run: Run | null): string {
    return run ? `${run.state} ${run.attempt}` : '';
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

/** A button as JupyterLab draws it in a page. */
export function pageButton(label: string, act: () => void, kind: 'accept' | 'reject' = 'reject'): HTMLButtonElement {
  const made = element('button', `jp-Button jp-mod-styled jp-mod-${kind} gpurun-page-button`);
  made.type = 'button';
  made.textContent = label;
  made.addEventListener('click', act);
  return made;
}
