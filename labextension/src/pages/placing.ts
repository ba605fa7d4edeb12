/**
 * Where pages go. JupyterLab's main area takes as many as one likes. That of Notebook 7 holds one document: there each page
 * of ours has a tab of the browser, at an address that says which command opens it, with which arguments.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

const COMMAND = 'gpurun'; // the names in the address
const ARGS = 'args';

/** An address may have come from anybody: it opens pages, and does nothing else. */
const OPENS_A_PAGE = /^(open-[a-z]+|compare-runs)$/;

/** Which of Notebook 7's pages this is, such as `notebooks`, `edit` and `tree`; empty in JupyterLab. */
export function notebookPage(): string {
  return PageConfig.getOption('notebookPage');
}

export function inNotebook7(): boolean {
  return notebookPage() !== '';
}

/** The notebooks that are open, where there may be some: Notebook 7 has them in one of its pages. */
export function notebooksHere(tracker: INotebookTracker | null): INotebookTracker | null {
  return ['', 'notebooks'].includes(notebookPage()) ? tracker : null;
}

/** Whether a page can be added here. Where it cannot, a tab is opened in which this command adds it. */
export function hasRoomFor({ shell }: JupyterFrontEnd, command: string, args: ReadonlyPartialJSONObject): boolean {
  if (!inNotebook7() || (asked() && [...shell.widgets('main')].length === 0)) {
    return true;
  }
  window.open(addressOf(command, args), '_blank');
  return false;
}

/** Add a page; where it has the tab for itself, the tab has its name and is closed with it. */
export function addPage({ shell }: JupyterFrontEnd, page: Widget): void {
  shell.add(page, 'main');
  if (inNotebook7()) {
    const name = () => (document.title = page.title.label);
    page.title.changed.connect(name);
    name();
    page.disposed.connect(() => window.close());
  }
}

/** Notebook 7's page for documents, without one. */
function addressOf(command: string, args: ReadonlyPartialJSONObject): string {
  const query = new URLSearchParams({ [COMMAND]: command.replace('gpurun:', ''), [ARGS]: JSON.stringify(args) });
  return `${URLExt.join(PageConfig.getBaseUrl(), 'edit')}?${query}`;
}

/** What the address of this tab asks for, if it can be read. */
function asked(): { command: string; args: ReadonlyPartialJSONObject } | null {
  const query = new URLSearchParams(window.location.search);
  const name = query.get(COMMAND) ?? '';
  try {
    return OPENS_A_PAGE.test(name) ? { command: `gpurun:${name}`, args: JSON.parse(query.get(ARGS) ?? '{}') } : null;
  } catch {
    return null; // a link that was cut off
  }
}

const placing: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:placing',
  description: 'In Notebook 7: the page that the address of the tab names.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => {
    const wanted = inNotebook7() ? asked() : null;
    if (wanted) {
      void app.started.then(() => app.commands.execute(wanted.command, wanted.args));
    }
  }
};

export default placing;
