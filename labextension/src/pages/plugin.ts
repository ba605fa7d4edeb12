/** The plugin of the pages of runs: `gpurun:open-run`, the commands about a run, and what the layout brings back. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addPageCommands } from '../commands';
import { IRunServer } from '../server/server';
import { addRunActions } from './actions';
import { notebooksOf } from './origin';
import { notebooksHere } from './placing';
import { ReadOnly } from './readonly';

const pages: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:pages',
  description: 'A page for each run in the main area.',
  autoStart: true,
  requires: [IRunServer, IRenderMimeRegistry],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator, IEditorLanguageRegistry, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    languages: IEditorLanguageRegistry | null,
    notebooks: INotebookTracker | null
  ) => {
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    const parts = { app, server, palette, trans };
    const drawing = { readOnly: new ReadOnly(languages), rendermime, notebooks: notebooksOf(app) };
    addPageCommands(parts, restorer, drawing);
    addRunActions(parts, notebooksHere(notebooks));
  }
};

export const pagePlugins = [pages];
