/** Where a run comes from: its notebook and its cell, as a link that opens the notebook at the cell. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PageConfig, PathExt, URLExt } from '@jupyterlab/coreutils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';
import { element, setText } from '../look/dom';
import type { Run } from '../server/types';
import { inNotebook7 } from './placing';
import type { PageParts } from './tab';

const LONGEST = 60; // characters of a line of code

/** How the page finds and opens notebooks; paths are those of Jupyter's files. */
export interface Notebooks {
  /** Where a browser opens it. */
  address(path: string, cell?: string): string;
  exists(path: string): Promise<boolean>;
  /** Open it and show the cell; false where it has no such cell. */
  open(path: string, cell?: string): Promise<boolean>;
}

export class OriginLine {
  readonly node = element('p', 'gpurun-origin');
  private words = element('span', '', this.node);
  private link = element('a', 'gpurun-linklike', this.node);
  private said = element('span', 'gpurun-origin-said', this.node);
  private isLoaded = false;

  constructor(
    private parts: PageParts,
    private notebooks: Notebooks
  ) {
    this.node.hidden = true;
    this.said.setAttribute('role', 'status');
  }

  /** Ask where the run comes from, once. What cannot be asked is not said. */
  async load(run: Run): Promise<void> {
    if (!this.isLoaded) {
      this.isLoaded = true;
      const { requests } = this.parts;
      const [{ origin, notebook }, { spec }] = await Promise.all([requests.environment(), requests.run()]);
      if (origin?.notebook) {
        await this.show(run, origin.notebook, notebook, origin.cell, firstLine(String(spec.code ?? '')));
      }
    }
  }

  private async show(run: Run, full: string, path: string | null, cell: string | undefined, code: string): Promise<void> {
    const { trans } = this.parts;
    const file = PathExt.basename(full);
    const name = cell ? trans.__('%1, cell “%2”', file, code || cell) : file;
    this.node.title = full;
    this.node.hidden = false;
    setText(this.words, run.kind === 'notebook' ? trans.__('Notebook ') : trans.__('From '));
    if (path === null || !(await this.notebooks.exists(path))) {
      setText(this.words, this.words.textContent + name);
      const why = path === null ? trans.__(' (not among the files of this server)') : trans.__(' (not there any more)');
      setText(this.said, why);
      return;
    }
    setText(this.link, name);
    this.link.href = this.notebooks.address(path, cell);
    this.link.addEventListener('click', event => this.clicked(event, path, cell));
  }

  /** A click with a key held opens a tab of the browser, as for any link. */
  private clicked(event: MouseEvent, path: string, cell: string | undefined): void {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      void this.open(path, cell);
    }
  }

  private async open(path: string, cell: string | undefined): Promise<void> {
    const { trans } = this.parts;
    if (!(await this.notebooks.exists(path))) {
      setText(this.said, trans.__(' (not there any more)'));
    } else {
      const found = await this.notebooks.open(path, cell);
      setText(this.said, found ? '' : trans.__(' (the notebook has no such cell any more)'));
    }
  }
}

/** The ways of JupyterLab, or of Notebook 7. */
export function notebooksOf({ commands, serviceManager }: JupyterFrontEnd): Notebooks {
  const address = (path: string, cell?: string) => addressOf(path) + (cell ? `#cell-id=${encodeURIComponent(cell)}` : '');
  return {
    address,
    exists: async path => {
      try {
        await serviceManager.contents.get(path, { content: false });
        return true;
      } catch (error) {
        return !(error instanceof ServerConnection.ResponseError && error.response.status === 404); // what else goes wrong does not say that it is gone
      }
    },
    open: async (path, cell) => {
      if (inNotebook7()) {
        window.open(address(path, cell), '_blank');
        return true;
      }
      const panel = (await commands.execute('docmanager:open', { path })) as NotebookPanel | undefined;
      if (!panel || !cell) {
        return true;
      }
      await Promise.all([panel.context.ready, panel.revealed]);
      const index = panel.content.widgets.findIndex(({ model }) => model.id === cell);
      if (index >= 0) {
        panel.content.deselectAll();
        panel.content.activeCellIndex = index;
        await panel.content.setFragment(`#cell-id=${cell}`);
      }
      return index >= 0;
    }
  };
}

function addressOf(path: string): string {
  return inNotebook7()
    ? URLExt.join(PageConfig.getBaseUrl(), 'notebooks', URLExt.encodeParts(path))
    : PageConfig.getUrl({ treePath: path, mode: 'multiple-document', workspace: PageConfig.defaultWorkspace });
}

function firstLine(code: string): string {
  const line = code.split('\n').find(one => one.trim())?.trim() ?? '';
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
