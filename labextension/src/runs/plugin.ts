/** The plugin of the Runs page and the Compare page. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { gpuIcon } from '../look/icons';
import type { Translate } from '../look/words';
import { addPage, hasRoomFor } from '../pages/placing';
import { ReadOnly } from '../pages/readonly';
import { IRunServer } from '../server/server';
import { download, stopRuns, tagRuns } from './acting';
import { ComparePage, makeComparePage } from './comparepage';
import { NO_FILTERS, sheetUrl } from './query';
import { makeRunsPage, RunsPage } from './runspage';
import type { RunsState } from './runsmodel';
import type { Actions } from './selectionbar';

export const RunsCommands = {
  openRuns: 'gpurun:open-runs',
  compareRuns: 'gpurun:compare-runs',
  exportRuns: 'gpurun:export-runs'
};

const OPEN_RUN = 'gpurun:open-run';
const DELETE_RUN = 'gpurun:delete-run';

interface Parts {
  app: JupyterFrontEnd;
  server: IRunServer;
  trans: Translate;
}

const runs: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:runs',
  description: 'The pages that list and compare runs.',
  autoStart: true,
  requires: [IRunServer],
  optional: [ICommandPalette, ILayoutRestorer, ITranslator, IEditorLanguageRegistry],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    languages: IEditorLanguageRegistry | null
  ) => {
    const parts = { app, server, trans: (translator ?? nullTranslator).load('gpurun_jupyter') };
    addRunsCommands(parts, restorer);
    addCompareCommand(parts, restorer, new ReadOnly(languages));
    for (const command of [RunsCommands.openRuns, RunsCommands.exportRuns]) {
      palette?.addItem({ command, category: parts.trans.__('GPU runs'), args: { isPalette: true } });
    }
  }
};

export default runs;

/** `gpurun:open-runs {filter}` shows the one page, with a condition where one is given; `gpurun:export-runs` its list. */
function addRunsCommands(parts: Parts, restorer: ILayoutRestorer | null): void {
  const { app, server, trans } = parts;
  const tracker = new WidgetTracker<RunsPage>({ namespace: 'gpurun-runs-list' });
  const exportRuns = (ids: string[] = []) => {
    const filters = tracker.currentWidget?.content.model.filters ?? NO_FILTERS;
    download(sheetUrl(server.api, filters, ids));
  };
  app.commands.addCommand(RunsCommands.openRuns, {
    label: trans.__('Open Runs'),
    caption: trans.__('Show all runs in a table: filter, sort, compare'),
    icon: args => (args.isPalette ? undefined : gpuIcon),
    execute: args => {
      let page = tracker.find(() => true);
      if (!page) {
        if (!hasRoomFor(app, RunsCommands.openRuns, args)) {
          return;
        }
        page = openRunsPage(parts, stateOf(args), exportRuns);
        void tracker.add(page);
        page.content.stateChanged.connect(() => void tracker.save(page!));
      } else if (typeof args.filter === 'string') {
        page.content.model.filter({ ...NO_FILTERS, where: args.filter });
      }
      app.shell.activateById(page.id);
      return page;
    }
  });
  app.commands.addCommand(RunsCommands.exportRuns, {
    label: trans.__('Export Runs as CSV'),
    caption: trans.__('Download the list of runs as it is filtered and sorted'),
    execute: () => exportRuns()
  });
  void restorer?.restore(tracker, {
    command: RunsCommands.openRuns,
    args: page => ({ state: page.content.model.state as unknown as ReadonlyPartialJSONObject }),
    name: () => 'gpurun-runs'
  });
}

function openRunsPage({ app, server, trans }: Parts, state: RunsState, exportRuns: (ids?: string[]) => void): RunsPage {
  const { commands } = app;
  const actions = (): Actions => ({
    compare: runs => void commands.execute(RunsCommands.compareRuns, { runs: runs.map(run => run.id) }),
    stop: runs => void stopRuns(server, runs, trans),
    tag: runs => void tagRuns(server, runs, trans),
    exportRuns: runs => exportRuns(runs.map(run => run.id)),
    remove: commands.hasCommand(DELETE_RUN)
      ? runs => void commands.execute(DELETE_RUN, { runs: runs.map(run => run.id) })
      : null
  });
  const openRun = (run: string) => void commands.execute(OPEN_RUN, { run });
  const page = makeRunsPage({ server, trans, state, openRun, exportRuns: () => exportRuns(), actions });
  addPage(app, page);
  return page;
}

/** What a restored page was, or a page with a condition. */
function stateOf(args: ReadonlyPartialJSONObject): RunsState {
  const saved = (args.state ?? {}) as Partial<RunsState>;
  const where = typeof args.filter === 'string' ? { where: args.filter } : {};
  return { filters: { ...NO_FILTERS, ...saved.filters, ...where }, columns: saved.columns ?? null };
}

/** `gpurun:compare-runs {runs}` opens a page for these runs. */
function addCompareCommand({ app, server, trans }: Parts, restorer: ILayoutRestorer | null, readOnly: ReadOnly): void {
  const tracker = new WidgetTracker<ComparePage>({ namespace: 'gpurun-compare' });
  app.commands.addCommand(RunsCommands.compareRuns, {
    label: trans.__('Compare Runs'),
    caption: trans.__('Show curves, parameters and metrics of runs side by side'),
    isEnabled: args => Array.isArray(args.runs) && args.runs.length > 1,
    execute: args => {
      const ids = args.runs as string[];
      let page = tracker.find(open => open.content.ids.join() === ids.join());
      if (!page) {
        if (!hasRoomFor(app, RunsCommands.compareRuns, args)) {
          return;
        }
        const openRun = (run: string) => void app.commands.execute(OPEN_RUN, { run });
        page = makeComparePage({ server, trans, ids, openRun, readOnly });
        addPage(app, page);
        void tracker.add(page);
      }
      app.shell.activateById(page.id);
      return page;
    }
  });
  void restorer?.restore(tracker, {
    command: RunsCommands.compareRuns,
    args: page => ({ runs: page.content.ids }),
    name: page => page.content.ids.join('-')
  });
}
