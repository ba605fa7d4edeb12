/** The commands about a run: run it again, delete it, put it into the notebook; in the palette and on a right click. */
import { Dialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { CARRIED_OUT, Commands, Parts, RUN_ROW, runOf } from '../commands';
import * as format from '../look/format';
import type { Translate } from '../look/words';
import { rerunRun, RunRequests } from '../server/requests';
import type { Run } from '../server/types';

const UNDO_SHOWN_MS = 20_000;

/** Add the commands, and those of other plugins that are about a run, to the menu of a run's row. */
export function addRunActions(parts: Parts, notebooks: INotebookTracker | null): void {
  const { app, trans } = parts;
  const named = (args: ReadonlyPartialJSONObject) => !!runOf(app, args);
  app.commands.addCommand(Commands.rerun, {
    label: trans.__('Rerun'),
    caption: trans.__('Run it again as it was'),
    isEnabled: named,
    execute: args => rerun(parts, runOf(app, args) ?? '')
  });
  app.commands.addCommand(Commands.deleteRun, {
    label: trans.__('Delete Run…'),
    caption: trans.__('Delete runs that are over, with their files; it can be undone for ten minutes unless the disk is full'),
    isEnabled: args => runsOf(parts, args).length > 0,
    execute: args => askAndDelete(parts, runsOf(parts, args))
  });
  if (notebooks) {
    app.commands.addCommand(Commands.insertAttach, {
      label: trans.__('Insert “%gpurun attach” Below'),
      caption: trans.__('Put a cell that shows this run into the notebook'),
      isEnabled: args => named(args) && !!notebooks.currentWidget,
      execute: args => insertAttach(notebooks, runOf(app, args) ?? '')
    });
  }
  addMenu(parts, notebooks !== null);
}

function addMenu({ app }: Parts, inNotebooks: boolean): void {
  const items = [
    { command: Commands.rerun, selector: CARRIED_OUT },
    { command: 'gpurun:open-launch', selector: CARRIED_OUT },
    { command: Commands.compare, selector: RUN_ROW },
    { command: 'gpurun:register-model', selector: RUN_ROW },
    ...(inNotebooks ? [{ command: Commands.insertAttach, selector: RUN_ROW }] : []),
    { command: Commands.deleteRun, selector: `${RUN_ROW}[data-live="false"]` }
  ];
  const own: string[] = Object.values(Commands);
  for (const [i, item] of items.entries()) {
    if (own.includes(item.command)) { // what other plugins offer they add themselves, as Launch does at the rank left free here
      app.contextMenu.addItem({ ...item, rank: 10 + i, args: { clicked: true } });
    }
  }
}

function runsOf({ app }: Parts, args: ReadonlyPartialJSONObject): string[] {
  const one = runOf(app, args);
  return Array.isArray(args.runs) ? args.runs.map(String) : one ? [one] : [];
}

async function rerun({ app, server, trans }: Parts, id: string): Promise<void> {
  try {
    const run = await rerunRun(server, id);
    await app.commands.execute(Commands.openRun, { run: run.id });
  } catch (error) {
    await showErrorMessage(trans.__('Could not run %1 again', id), error as Error);
  }
}

async function askAndDelete(parts: Parts, ids: readonly string[]): Promise<void> {
  const { server, trans } = parts;
  try {
    const runs = await Promise.all(ids.map(id => new RunRequests(server.api, id).run()));
    const answer = await showDialog({
      title: trans._n('Delete run %2?', 'Delete %1 runs?', runs.length, runs[0]?.name),
      body: await whatGoes(parts, runs),
      buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: trans.__('Delete') })]
    });
    if (answer.button.accept) {
      await deleteAll(parts, runs);
    }
  } catch (error) {
    await showErrorMessage(trans.__('Could not delete'), error as Error);
  }
}

async function whatGoes({ server, trans }: Parts, runs: readonly Run[]): Promise<string> {
  const undone = trans.__('This can be undone for ten minutes, unless the disk is full.');
  if (runs.length > 1) {
    const names = runs.slice(0, 5).map(run => run.name).join(', ');
    const more = runs.length > 5 ? trans.__(' and %1 more', runs.length - 5) : '';
    return `${trans.__('Output, metrics and files of %1%2 go.', names, more)} ${undone}`;
  }
  const files = await new RunRequests(server.api, runs[0].id).files().then(
    told => told.files,
    () => [] // a run that never started has none
  );
  const size = format.bytes(files.reduce((sum, file) => sum + file.size, 0));
  const count = trans._n('%2 file', '%2 files', files.length, files.length);
  return `${trans.__('Its output, its metrics and %1 (%2) go.', count, size)} ${undone}`;
}

async function deleteAll(parts: Parts, runs: readonly Run[]): Promise<void> {
  const kept: Run[] = []; // those that can be brought back
  for (const run of runs) {
    const { restorable_s: restorable } = await new RunRequests(parts.server.api, run.id).delete();
    kept.push(...(restorable ? [run] : []));
  }
  const undo = { label: parts.trans.__('Undo'), callback: () => void restoreAll(parts, kept) };
  const message = deletedWords(runs, runs.length - kept.length, parts.trans);
  Notification.info(message, { autoClose: UNDO_SHOWN_MS, actions: kept.length ? [undo] : [] });
}

/** What was deleted, and how many of it cannot be brought back. */
function deletedWords(runs: readonly Run[], gone: number, trans: Translate): string {
  const deleted = trans._n('Deleted run %2', 'Deleted %1 runs', runs.length, runs[0].name);
  if (!gone) {
    return deleted;
  }
  const which = gone === runs.length ? trans.__('for good') : trans.__('%1 of them for good', gone);
  return `${deleted}, ${which}: ${trans.__('the disk is full')}`;
}

async function restoreAll({ server, trans }: Parts, runs: readonly Run[]): Promise<void> {
  try {
    await Promise.all(runs.map(run => new RunRequests(server.api, run.id).restore()));
  } catch (error) {
    await showErrorMessage(trans.__('Could not bring back what was deleted'), error as Error);
  }
}

function insertAttach(notebooks: INotebookTracker, id: string): void {
  const notebook = notebooks.currentWidget?.content;
  if (notebook) {
    NotebookActions.insertBelow(notebook);
    notebook.activeCell?.model.sharedModel.setSource(`%gpurun attach ${id}`);
  }
}
