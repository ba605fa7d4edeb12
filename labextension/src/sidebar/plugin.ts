/** The sidebar's plugins: the sidebar itself, the item in the status bar, notices. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addPanelCommands, Commands } from '../commands';
import type { Translate } from '../look/words';
import { notebooksHere } from '../pages/placing';
import { stopRun } from '../runview/follow';
import { IRunServer } from '../server/server';
import { countEnds } from './badge';
import { takeDrops } from './drop/dropzone';
import { insertFirstCells } from './firstcells';
import { tellOfEnds } from './notices';
import { PANEL_ID, RunsPanel } from './panel';
import type { Buttons } from './panelparts';
import { PanelModel } from './panelmodel';
import { Settings } from './settings';
import { ISidebar } from './sidebar';
import { StatusItem } from './statusitem';

const PLUGIN = 'gpurun-lab:panel';
const RANK = 250;

const panel: JupyterFrontEndPlugin<ISidebar> = {
  id: PLUGIN,
  description: 'The sidebar with devices, queue and runs.',
  autoStart: true,
  requires: [IRunServer],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator, ISettingRegistry, INotebookTracker],
  provides: ISidebar,
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    registry: ISettingRegistry | null,
    notebooks: INotebookTracker | null
  ) => {
    const trans = load(translator);
    const settings = new Settings();
    const model = new PanelModel(server, trans);
    const sidebar = new RunsPanel({
      model,
      settings,
      trans,
      translator: translator ?? nullTranslator,
      openRun: id => void app.commands.execute(Commands.openRun, { run: id }),
      stopRun: run => void stopRun(server, run, trans),
      buttons: () => buttons(app, notebooksHere(notebooks)) // asked at each drawing: other plugins may add their commands later
    });
    place(app, sidebar, settings);
    restorer?.add(sidebar, PANEL_ID);
    addPanelCommands({ app, server, trans, palette }, model, PANEL_ID);
    takeDrops(sidebar.node, { model, trans, contents: app.serviceManager.contents });
    countEnds(sidebar, trans);
    if (registry) {
      void settings.follow(registry, PLUGIN).catch(error => console.error('The settings of GPU Runs were not read', error));
    }
    return sidebar;
  }
};

function load(translator: ITranslator | null): Translate {
  return (translator ?? nullTranslator).load('gpurun_jupyter');
}

/** What the sidebar's buttons do. Each is there only where some plugin offers the command. */
function buttons(app: JupyterFrontEnd, notebooks: INotebookTracker | null): Buttons {
  const offered = (command: string, args = {}) =>
    app.commands.hasCommand(command) ? () => void app.commands.execute(command, args) : undefined;
  return {
    onNew: offered('gpurun:open-launch'),
    onAddMachine: offered(Commands.addMachine),
    onMore: offered('gpurun:open-runs'),
    onSettings: offered('settingeditor:open', { query: 'GPU Runs' }),
    onInsert: notebooks ? () => void insertFirstCells(app, notebooks) : undefined
  };
}

/** Put the sidebar to the side that the settings name, now and when they change. */
function place(app: JupyterFrontEnd, sidebar: RunsPanel, settings: Settings): void {
  let side = '';
  const follow = () => {
    if (side !== settings.values.side) {
      side = settings.values.side;
      app.shell.add(sidebar, side, { rank: RANK, type: 'GPU runs' });
    }
  };
  follow();
  settings.changed.connect(follow);
}

const status: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:status',
  description: 'Busy devices and waiting runs in the status bar.',
  autoStart: true,
  requires: [ISidebar],
  optional: [IStatusBar, ITranslator],
  activate: (app: JupyterFrontEnd, sidebar: ISidebar, bar: IStatusBar | null, translator: ITranslator | null) => {
    const item = new StatusItem(sidebar.model, load(translator), () => void app.commands.execute(Commands.showPanel));
    bar?.registerStatusItem('gpurun-lab:status', { item, align: 'left', rank: 90 });
  }
};

const notices: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:notices',
  description: 'Notices of runs that have ended.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, { model, settings }: ISidebar, translator: ITranslator | null) => {
    tellOfEnds({
      model,
      settings,
      trans: load(translator),
      openRun: id => void app.commands.execute(Commands.openRun, { run: id })
    });
  }
};

export const sidebarPlugins = [panel, status, notices];
