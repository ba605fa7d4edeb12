/** The first cells of somebody who has not run anything yet, put into the notebook that is open, or into a new one. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

const CELLS = ['%load_ext gpurun_jupyter', '%%gpurun\nprint("hello from a run")'];

export async function insertFirstCells(app: JupyterFrontEnd, notebooks: INotebookTracker): Promise<void> {
  const open = notebooks.currentWidget ?? ((await app.commands.execute('notebook:create-new')) as NotebookPanel | undefined);
  if (!open) {
    return; // the choice of a kernel was cancelled
  }
  await open.context.ready;
  for (const source of CELLS) {
    insertCell(open, source);
  }
  app.shell.activateById(open.id);
}

/** Put it below the active cell, or into that where it is empty. */
function insertCell(panel: NotebookPanel, source: string): void {
  const notebook = panel.content;
  if (notebook.activeCell?.model.type !== 'code' || notebook.activeCell.model.sharedModel.getSource().trim()) {
    NotebookActions.insertBelow(notebook);
  }
  notebook.activeCell?.model.sharedModel.setSource(source);
}
