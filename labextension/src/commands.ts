/** The commands of gpurun, where they can be found, and what a right click on a run offers. */
import { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, ICommandPalette, InputDialog, WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { stopRun } from './runview/follow';
import { gpuIcon } from './look/icons';
import { makeRunPage, RunPage } from './pages/logpage';
import type { PanelModel } from './sidebar/panelmodel';
import type { IRunServer } from './server/server';
import type { Translate } from './look/words';

export const Commands = {
  openRun: 'gpurun:open-run',
  stopRun: 'gpurun:stop-run',
  copyId: 'gpurun:copy-run-id',
  showPanel: 'gpurun:show-panel'
};

const RUN_ROW = '.gpurun-run';

interface Parts {
  app: JupyterFrontEnd;
  server: IRunServer;
  trans: Translate;
  palette: ICommandPalette | null;
}

/** `gpurun:open-run {run}` opens the page of a run, once; it is restored with the layout. */
export function addPageCommands({ app, server, trans, palette }: Parts, restorer: ILayoutRestorer | null): void {
  const tracker = new WidgetTracker<RunPage>({ namespace: 'gpurun-runs' });
  app.commands.addCommand(Commands.openRun, {
    label: args => (args.run || args.clicked ? trans.__('Open Run') : trans.__('Open Run…')),
    caption: trans.__('Show the output of a run in a tab'),
    icon: args => (args.isPalette ? undefined : gpuIcon),
    execute: async args => {
      const id = runOf(app, args) ?? (await askForRun(trans));
      if (id) {
        showPage(app, tracker, id, server, trans);
      }
    }
  });
  palette?.addItem({ command: Commands.openRun, category: trans.__('GPU runs'), args: { isPalette: true } });
  void restorer?.restore(tracker, {
    command: Commands.openRun,
    args: page => ({ run: page.content.runId }),
    name: page => page.content.runId
  });
}

function showPage(app: JupyterFrontEnd, tracker: WidgetTracker<RunPage>, id: string, server: IRunServer, trans: Translate): void {
  let page = tracker.find(open => open.content.runId === id);
  if (!page) {
    page = makeRunPage(id, server, trans);
    app.shell.add(page, 'main');
    void tracker.add(page);
  }
  app.shell.activateById(page.id);
}

/** The commands that need the sidebar. */
export function addPanelCommands({ app, server, trans, palette }: Parts, model: PanelModel, panelId: string): void {
  app.commands.addCommand(Commands.showPanel, {
    label: trans.__('Show GPU Runs'),
    caption: trans.__('Show devices and runs in the sidebar'),
    execute: () => app.shell.activateById(panelId)
  });
  app.commands.addCommand(Commands.stopRun, {
    label: trans.__('Stop Run'),
    caption: trans.__('Interrupt a run; asked again: kill it'),
    isEnabled: args => !!runOf(app, args),
    execute: async args => {
      const run = model.run(runOf(app, args) ?? '');
      if (run) {
        await stopRun(server, run, trans);
      }
    }
  });
  app.commands.addCommand(Commands.copyId, {
    label: trans.__('Copy Run Id'),
    isEnabled: args => !!runOf(app, args),
    execute: args => Clipboard.copyToSystem(runOf(app, args) ?? '')
  });
  palette?.addItem({ command: Commands.showPanel, category: trans.__('GPU runs') });
  app.contextMenu.addItem({ command: Commands.openRun, selector: RUN_ROW, rank: 1, args: { clicked: true } });
  app.contextMenu.addItem({ command: Commands.stopRun, selector: `${RUN_ROW}[data-live="true"]`, rank: 2, args: { clicked: true } });
  app.contextMenu.addItem({ command: Commands.copyId, selector: RUN_ROW, rank: 3, args: { clicked: true } });
}

/** The run that a command is about: named in its arguments, or the one that was clicked. */
function runOf(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): string | undefined {
  if (typeof args.run === 'string' && args.run) {
    return args.run;
  }
  return args.clicked ? app.contextMenuHitTest(node => !!node.dataset.runId)?.dataset.runId : undefined;
}

async function askForRun(trans: Translate): Promise<string | undefined> {
  const answer = await InputDialog.getText({ title: trans.__('Open Run'), label: trans.__('Id of the run') });
  return answer.value?.trim() || undefined;
}
