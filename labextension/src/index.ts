/** The JupyterLab side of gpurun: which plugins there are, and what each is given. The work is done in the other files. */
import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addPageCommands, Commands } from './commands';
import { launchPlugins } from './launch/plugin';
import { modelPlugins } from './models/plugin';
import { addRunRenderer } from './runview/renderer';
import runs from './runs/plugin';
import { connectTo, IRunServer } from './server/server';
import { overviewPlugins } from './overview/plugin';
import { sidebarPlugins } from './sidebar/plugin';
import type { Translate } from './look/words';

function load(translator: ITranslator | null): Translate {
  return (translator ?? nullTranslator).load('gpurun_jupyter');
}

const server: JupyterFrontEndPlugin<IRunServer> = {
  id: 'gpurun-lab:server',
  description: 'Requests to gpurun and the one live connection of the page.',
  autoStart: true,
  provides: IRunServer,
  activate: (app: JupyterFrontEnd) => connectTo(app.serviceManager.serverSettings)
};

const pages: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:pages',
  description: 'A page for each run in the main area.',
  autoStart: true,
  requires: [IRunServer],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => addPageCommands({ app, server, palette, trans: load(translator) }, restorer)
};

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
  ) =>
    addRunRenderer(registry, {
      server,
      trans: load(translator),
      // Notebook 7 has one page and no room for another: there the view itself grows.
      openRun: lab ? id => void app.commands.execute(Commands.openRun, { run: id }) : undefined
    })
};

export default [server, pages, output, ...sidebarPlugins, ...overviewPlugins, runs, ...modelPlugins, ...launchPlugins];
