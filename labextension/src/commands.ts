/** The commands that open something of gpurun, where they can be found, and what a right click on a run offers. */
import { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, ICommandPalette, InputDialog, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { stopRun } from './runview/follow';
import { gpuIcon } from './look/icons';
import { addPage, hasRoomFor, inNotebook7 } from './pages/placing';
import { Drawing, RunContent, RunPage } from './pages/runpage';
import type { TabName } from './pages/tab';
import { addTools } from './pages/tools';
import { addMachine } from './sidebar/addmachine';
import { askForMachine, removeMachine } from './sidebar/removemachine';
import type { PanelModel } from './sidebar/panelmodel';
import { RunRequests } from './server/requests';
import type { IRunServer } from './server/server';
import type { Translate } from './look/words';

export const Commands = {
  openRun: 'gpurun:open-run',
  stopRun: 'gpurun:stop-run',
  copyId: 'gpurun:copy-run-id',
  showPanel: 'gpurun:show-panel',
  addMachine: 'gpurun:add-machine',
  removeMachine: 'gpurun:remove-machine',
  rerun: 'gpurun:rerun-run',
  deleteRun: 'gpurun:delete-run',
  compare: 'gpurun:compare-with-previous',
  insertAttach: 'gpurun:insert-attach'
};

export const RUN_ROW = '.gpurun-run';
/** The row of a run that can be run again. */
export const CARRIED_OUT = `${RUN_ROW}:not([data-heard-of])`;

export interface Parts {
  app: JupyterFrontEnd;
  server: IRunServer;
  trans: Translate;
  palette: ICommandPalette | null;
}

/** `gpurun:open-run {run, tab?}` opens the page of a run, once; it is restored with the layout and with its tab. */
export function addPageCommands(parts: Parts, restorer: ILayoutRestorer | null, drawing: Drawing): void {
  const { app, trans, palette } = parts;
  const tracker = new WidgetTracker<RunPage>({ namespace: 'gpurun-runs' });
  app.commands.addCommand(Commands.openRun, {
    label: args => (args.run || args.clicked ? trans.__('Open Run') : trans.__('Open Run…')),
    caption: trans.__('Show a run in a tab: output, charts, files, configuration'),
    icon: args => (args.isPalette ? undefined : gpuIcon), // as JupyterLab's own commands: none in the palette
    execute: async args => {
      const id = runOf(app, args) ?? (await askForRun(trans));
      if (id) {
        showPage(parts, tracker, drawing, id, args.tab as TabName | undefined);
      }
    }
  });
  app.commands.addCommand(Commands.compare, {
    label: trans.__('Compare with Previous'),
    caption: trans.__('Show what differs from the run before: code, parameters, packages'),
    isEnabled: args => !!runOf(app, args),
    execute: args => app.commands.execute(Commands.openRun, { run: runOf(app, args), tab: 'compare' })
  });
  palette?.addItem({ command: Commands.openRun, category: trans.__('GPU runs'), args: { isPalette: true } });
  void restorer?.restore(tracker, {
    command: Commands.openRun,
    args: page => ({ run: page.content.runId, tab: page.content.tab }),
    name: page => page.content.runId
  });
}

function showPage(parts: Parts, tracker: WidgetTracker<RunPage>, drawing: Drawing, id: string, tab?: TabName): void {
  let page = tracker.find(open => open.content.runId === id);
  if (!page) {
    if (!hasRoomFor(parts.app, Commands.openRun, { run: id, tab })) {
      return;
    }
    page = makePage(parts, drawing, id);
    addPage(parts.app, page);
    void tracker.add(page);
    const made = page;
    made.content.tabChanged.connect(() => void tracker.save(made));
  }
  if (tab) {
    page.content.showTab(tab);
  }
  parts.app.shell.activateById(page.id);
}

function makePage({ app, server, trans }: Parts, drawing: Drawing, id: string): RunPage {
  const command = (name: string, args: Record<string, string> = { run: id }) =>
    app.commands.hasCommand(name) ? () => void app.commands.execute(name, args) : undefined;
  const requests = new RunRequests(server.api, id);
  const page = new MainAreaWidget({ content: new RunContent({ server, requests, trans, command }, drawing) });
  page.toolbar.addClass('gpurun-tools');
  addTools(page.toolbar, app.commands, id, trans);
  return page;
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
      const id = runOf(app, args) ?? '';
      await stopRun(server, model.run(id) ?? (await new RunRequests(server.api, id).run()), trans); // the sidebar holds the newest only
    }
  });
  app.commands.addCommand(Commands.copyId, {
    label: trans.__('Copy Run Id'),
    isEnabled: args => !!runOf(app, args),
    execute: args => Clipboard.copyToSystem(runOf(app, args) ?? '')
  });
  app.commands.addCommand(Commands.addMachine, {
    label: trans.__('Add a Machine…'),
    caption: trans.__('Show the line that lets another machine offer its devices'),
    execute: () => addMachine(server.api, trans)
  });
  app.commands.addCommand(Commands.removeMachine, {
    label: args => (args.clicked ? trans.__('Remove Machine…') : trans.__('Remove a Machine…')),
    caption: trans.__('Let a machine that you have added in no more'),
    execute: async args => {
      const clicked = args.clicked ? app.contextMenuHitTest(node => !!node.dataset.agent)?.dataset.agent : undefined;
      const id = clicked ?? (await askForMachine(server.api, trans));
      if (id) {
        await removeMachine(server.api, id, trans);
      }
    }
  });
  const shown = inNotebook7() ? [] : [Commands.showPanel]; // Notebook 7 has an entry of its own for each sidebar
  for (const command of [...shown, Commands.addMachine, Commands.removeMachine]) {
    palette?.addItem({ command, category: trans.__('GPU runs') });
  }
  const removable = { command: Commands.removeMachine, selector: '.gpurun-agent[data-removable="true"]' };
  app.contextMenu.addItem({ ...removable, rank: 1, args: { clicked: true } });
  const items = [
    { command: Commands.openRun, selector: RUN_ROW },
    { command: Commands.stopRun, selector: `${RUN_ROW}[data-live="true"]` },
    { command: Commands.copyId, selector: RUN_ROW }
  ];
  items.forEach((item, i) => app.contextMenu.addItem({ ...item, rank: i + 1, args: { clicked: true } }));
}

/** The run that a command is about: named in its arguments, or the one that was clicked. */
export function runOf(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): string | undefined {
  if (typeof args.run === 'string' && args.run) {
    return args.run;
  }
  return args.clicked ? app.contextMenuHitTest(node => !!node.dataset.runId)?.dataset.runId : undefined;
}

async function askForRun(trans: Translate): Promise<string | undefined> {
  const answer = await InputDialog.getText({ title: trans.__('Open Run'), label: trans.__('Id of the run') });
  return answer.value?.trim() || undefined;
}
