/** The plugin that draws runs in the output of cells. */
import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
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
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    registry: IRenderMimeRegistry,
    translator: ITranslator | null
  ) => {
    const opening = (command: string) => (id: string) => void app.commands.execute(command, { run: id });
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    addRunRenderer(registry, { server, trans, openRun: opening(Commands.openRun), compareRun: opening(Commands.compare) });
  }
};

export const runViewPlugins = [output];
