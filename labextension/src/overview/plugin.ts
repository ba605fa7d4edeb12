/** The Overview page's plugin, and the cards of gpurun in the launcher. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Commands } from '../commands';
import { gpuIcon } from '../look/icons';
import { addPage, hasRoomFor } from '../pages/placing';
import { ISidebar } from '../sidebar/sidebar';
import { OverviewModel } from './overviewmodel';
import { makeOverview, OVERVIEW_ID, OverviewWidget } from './page';

const OPEN = 'gpurun:open-overview';
const CARDS = [OPEN, 'gpurun:open-launch', 'gpurun:open-runs'];

const overview: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:overview',
  description: 'A page that shows who uses which device, what waits, projects and statistics.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model, settings }: ISidebar,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    const tracker = new WidgetTracker<OverviewWidget>({ namespace: OVERVIEW_ID });
    const onOpen = (id: string) => void app.commands.execute(Commands.openRun, { run: id });
    app.commands.addCommand(OPEN, {
      label: args => (args.isLauncher ? trans.__('Overview') : trans.__('GPU Overview')),
      caption: trans.__('Who uses which device, what waits and why, projects, statistics'),
      icon: args => (args.isPalette ? undefined : gpuIcon),
      execute: () => {
        if (!tracker.currentWidget && !hasRoomFor(app, OPEN, {})) {
          return;
        }
        const page = tracker.currentWidget ?? makeOverview({ model: new OverviewModel(model, settings), trans, onOpen });
        if (!page.isAttached) {
          addPage(app, page);
          void tracker.add(page);
        }
        app.shell.activateById(page.id);
      }
    });
    palette?.addItem({ command: OPEN, category: trans.__('GPU runs'), args: { isPalette: true } });
    void restorer?.restore(tracker, { command: OPEN, name: () => OVERVIEW_ID });
  }
};

const launcher: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:launcher',
  description: 'The pages of gpurun in the launcher.',
  autoStart: true,
  optional: [ILauncher, ITranslator],
  activate: (app: JupyterFrontEnd, launcher: ILauncher | null, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    void app.started.then(() => { // by then all plugins have added their commands
      const offered = CARDS.filter(command => app.commands.hasCommand(command));
      offered.forEach((command, rank) => launcher?.add({ command, rank, category: trans.__('GPU Runs'), args: { isLauncher: true } }));
    });
  }
};

export const overviewPlugins = [overview, launcher];
