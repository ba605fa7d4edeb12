/** The first cells of somebody who has not run anything yet, put into the notebook that is open, or into a new one. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, Notebook, NotebookPanel } from '@jupyterlab/notebook';

const CELLS = ['%load_ext gpurun_jupyter', '%%gpurun\nprint("hello from a run")'];

export async function insertFirstCells(app: JupyterFrontEnd, notebooks: INotebookTracker): Promise<void> {
  const open = notebooks.currentWidget ?? ((await app.commands.execute('notebook:create-new')) as NotebookPanel | undefined);
  if (!open) {
    return; // the choice of a kernel was cancelled
  }
  await open.context.ready;
  const notebook = open.content;
  const first = insert(notebook);
  notebook.mode = 'command';
  notebook.deselectAll();
  notebook.activeCellIndex = first;
  app.shell.activateById(open.id);
  await notebook.scrollToCell(notebook.widgets[first]);
}

/** Put them below the active cell, or from there on where it is empty; returns the place of the first. */
function insert(notebook: Notebook): number {
  const cells = notebook.model!.sharedModel;
  const active = notebook.activeCellIndex;
  const sourceAt = (place: number) => cells.cells[place]?.getSource();
  const isEmpty = cells.cells[active]?.cell_type === 'code' && !sourceAt(active)?.trim();
  const isFirst = CELLS.every((source, i) => sourceAt(active + i) === source); // the button was pressed before
  const place = isEmpty ? active : active + (isFirst ? CELLS.length : 1);
  cells.transact(() => { // one step to undo
    CELLS.forEach((source, i) => {
      if (isEmpty && i === 0) {
        cells.getCell(place).setSource(source);
      } else {
        cells.insertCell(place + i, { cell_type: 'code', source, metadata: { trusted: true } }); // as JupyterLab marks a cell that a person adds
      }
    });
  });
  return place;
}
