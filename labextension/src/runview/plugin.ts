/** The plugin that draws runs in the output of cells. */
import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Commands } from '../commands';
import { IRunServer } from '../server/server';
import { addRunRenderer } from './renderer';

const output: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:output',
  description: 'The live view of a run in the output of a cell.',
  autoStart: true,
  requires: [IRunServer, IRenderMimeRegistry],
  optional: [ITranslator, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    registry: IRenderMimeRegistry,
    translator: ITranslator | null,
    lab: ILabShell | null
  ) => {
    // Notebook 7 has one page and no room for another: there the view itself grows.
    const opening = (command: string) => (lab ? (id: string) => void app.commands.execute(command, { run: id }) : undefined);
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    const elsewhere = { openRun: opening(Commands.openRun), compareRun: opening(Commands.compare) };
    addRunRenderer(registry, { server, trans, ...elsewhere });
  }
};

export const runViewPlugins = [output];
