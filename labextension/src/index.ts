/** The JupyterLab side of gpurun: which plugins there are, and what each is given. The work is done in the other files. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addPanelCommands, Commands } from './commands';
import { pagePlugins } from './pages/plugin';
import { runViewPlugins } from './runview/plugin';
import { stopRun } from './runview/follow';
import { PANEL_ID, RunsPanel } from './sidebar/panel';
import { PanelModel } from './sidebar/panelmodel';
import runs from './runs/plugin';
import { connectTo, IRunServer } from './server/server';
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

const panel: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:panel',
  description: 'The sidebar with devices and runs.',
  autoStart: true,
  requires: [IRunServer],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = load(translator);
    const model = new PanelModel(server, trans);
    const sidebar = new RunsPanel({
      model,
      trans,
      translator: translator ?? nullTranslator,
      openRun: id => void app.commands.execute(Commands.openRun, { run: id }),
      stopRun: run => void stopRun(server, run, trans)
    });
    app.shell.add(sidebar, 'left', { rank: 250, type: 'GPU runs' });
    restorer?.add(sidebar, PANEL_ID);
    addPanelCommands({ app, server, trans, palette }, model, PANEL_ID);
  }
};

export default [server, ...pagePlugins, ...runViewPlugins, panel, runs];
