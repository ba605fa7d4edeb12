/** The Launch page in JupyterLab: its command, where that is found, and how its pages come back with the layout. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { FileDialog } from '@jupyterlab/filebrowser';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReadonlyPartialJSONObject, UUID } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';
import { CARRIED_OUT, runOf } from '../commands';
import { gpuIcon } from '../look/icons';
import type { Translate } from '../look/words';
import { addPage, hasRoomFor } from '../pages/placing';
import { IRunServer } from '../server/server';
import { addLaunchFiles, FACTORY } from './document';
import { saveAs } from './files';
import { LaunchModel } from './launchmodel';
import { LaunchPage, makeLaunchPage } from './launchpage';
import { TEMPLATE, textOfRun } from './text';
import type { Launched } from './types';

const OPEN = 'gpurun:open-launch';
const OPEN_RUN = 'gpurun:open-run';
const OPEN_RUNS = 'gpurun:open-runs';
const SAVED_MS = 1000;

interface Parts {
  app: JupyterFrontEnd;
  server: IRunServer;
  editors: IEditorServices;
  documents: IDocumentManager | null;
  trans: Translate;
}

class LaunchPages {
  readonly tracker = new WidgetTracker<LaunchPage>({ namespace: 'gpurun-launch' });

  constructor(private parts: Parts) {}

  /** Open a page; without arguments the one that is there, with a path alone that document. */
  async open(args: ReadonlyPartialJSONObject): Promise<Widget | null> {
    const { app, server } = this.parts;
    if (typeof args.path === 'string' && args.path && typeof args.yaml !== 'string') {
      return (await app.commands.execute('docmanager:open', { path: args.path, factory: FACTORY })) as Widget | null;
    }
    const run = runOf(app, args);
    const isNew = typeof args.yaml === 'string' || run !== undefined;
    let page = isNew ? null : this.tracker.currentWidget;
    if (!page && !hasRoomFor(app, OPEN, run !== undefined ? { run } : args)) {
      return null;
    }
    if (!page) {
      const text = run !== undefined ? textOfRun(await server.api.run(run)) : TEMPLATE;
      const path = typeof args.path === 'string' ? args.path : '';
      page = this.add(new LaunchModel(server.api, { text: typeof args.yaml === 'string' ? args.yaml : text, path }), args);
    }
    app.shell.activateById(page.id);
    return page;
  }

  private add(model: LaunchModel, args: ReadonlyPartialJSONObject): LaunchPage {
    const { app, editors, trans } = this.parts;
    // A page that comes back has the name by which the layout knows it.
    const id = typeof args.id === 'string' ? args.id : `gpurun-launch-${UUID.uuid4()}`;
    const page: LaunchPage = makeLaunchPage(
      { model, id, editors, trans, open: launched => this.show(launched) },
      { openFile: () => void this.openFile(), saveFile: () => void this.saveFile(page) }
    );
    if (args.side === 'form') {
      page.content.side = 'form';
    }
    addPage(app, page);
    void this.tracker.add(page);
    this.remember(page);
    return page;
  }

  /** What is written comes back after a reload, saved or not. */
  private remember(page: LaunchPage): void {
    let timer = 0;
    const save = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => page.isDisposed || void this.tracker.save(page), SAVED_MS);
    };
    page.content.model.changed.connect(save);
    page.content.sideChanged.connect(save);
  }

  /** Show runs that were queued. */
  show({ sweep, runs }: Launched): void {
    const { commands } = this.parts.app;
    const all = sweep !== null && commands.hasCommand(OPEN_RUNS);
    void (all ? commands.execute(OPEN_RUNS, { filter: `${sweep}/` }) : commands.execute(OPEN_RUN, { run: runs[0].id }));
  }

  private async openFile(): Promise<void> {
    const { documents, trans, app } = this.parts;
    if (!documents) {
      return;
    }
    const chosen = await FileDialog.getOpenFiles({
      manager: documents,
      title: trans.__('Open Launch File'),
      filter: model => (model.type === 'directory' || /\.ya?ml$/.test(model.name) ? {} : null)
    });
    const path = chosen.button.accept ? chosen.value?.[0]?.path : undefined;
    if (path) {
      await app.commands.execute(OPEN, { path });
    }
  }

  private async saveFile(page: LaunchPage): Promise<void> {
    const { model } = page.content;
    const path = await saveAs(this.parts.app.serviceManager.contents, model.text, model.path, this.parts.trans);
    if (path) {
      await this.open({ path });
      page.dispose(); // the document has taken its place
    }
  }
}

const launch: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:launch',
  description: 'The Launch page: a launch file, checked as it is written, and what it will do.',
  autoStart: true,
  requires: [IRunServer, IEditorServices],
  optional: [IDocumentManager, ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    editors: IEditorServices,
    documents: IDocumentManager | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    const pages = new LaunchPages({ app, server, editors, documents, trans });
    addLaunchFiles(app, server.api, { editors, trans, open: launched => pages.show(launched) }, restorer);
    app.commands.addCommand(OPEN, {
      label: args => (args.run || args.clicked ? trans.__('Edit and Run Again…') : trans.__('Launch Runs')),
      caption: trans.__('Write a launch file and queue what it describes'),
      icon: args => (args.isPalette ? undefined : gpuIcon),
      execute: args => pages.open(args)
    });
    const category = trans.__('GPU runs');
    palette?.addItem({ command: OPEN, category, args: { isPalette: true } });
    app.contextMenu.addItem({ command: OPEN, selector: CARRIED_OUT, rank: 11, args: { clicked: true } });
    void restorer?.restore(pages.tracker, {
      command: OPEN,
      args: ({ content }) => ({ yaml: content.model.text, path: content.model.path, side: content.side, id: content.id }),
      name: page => page.content.id
    });
  }
};

export const launchPlugins = [launch];
