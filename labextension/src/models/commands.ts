/** The commands of the registry, in the palette and in the context menu of models and of their versions. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog, showErrorMessage, WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Translate } from '../look/words';
import { addPage, hasRoomFor } from '../pages/placing';
import { askForModel, askToPromote, askToRegister, Registering } from './dialogs';
import { ModelCommands } from './ids';
import { makeModelPage, ModelPage } from './page';
import type { ModelRegistry } from './registry';

const ROWS = '[data-model]';
const VERSION = '.gpurun-version';

interface Parts {
  app: JupyterFrontEnd;
  registry: ModelRegistry;
  trans: Translate;
  palette: ICommandPalette | null;
}

interface Meant {
  name: string;
  version?: number;
}

type Act = (meant: Meant & { version: number }) => Promise<unknown>;

/** `gpurun:open-model {name}` opens the page of a model, once; it is restored with the layout. */
export function addOpenCommand({ app, registry, trans, palette }: Parts, restorer: ILayoutRestorer | null): void {
  const tracker = new WidgetTracker<ModelPage>({ namespace: 'gpurun-models' });
  app.commands.addCommand(ModelCommands.open, {
    label: args => (meantBy(app, args) ? trans.__('Open Model') : trans.__('Open Model…')),
    caption: trans.__('Show the versions of a model in a tab'),
    execute: async args => {
      const name = meantBy(app, args)?.name ?? (await askForModel(registry, trans));
      if (name) {
        show(app, tracker, name, () => makeModelPage({ name, registry, commands: app.commands, trans }));
      }
    }
  });
  palette?.addItem({ command: ModelCommands.open, category: trans.__('GPU runs') });
  app.contextMenu.addItem({ command: ModelCommands.open, selector: '.gpurun-model', rank: 1, args: { clicked: true } });
  void restorer?.restore(tracker, {
    command: ModelCommands.open,
    args: page => ({ name: page.content.name }),
    name: page => page.content.name
  });
}

function show(app: JupyterFrontEnd, tracker: WidgetTracker<ModelPage>, name: string, make: () => ModelPage): void {
  let page = tracker.find(open => open.content.name === name);
  if (!page) {
    if (!hasRoomFor(app, ModelCommands.open, { name })) {
      return;
    }
    page = make();
    addPage(app, page);
    void tracker.add(page);
  }
  app.shell.activateById(page.id);
}

/** What can be done with models; each says what went wrong and what to do. */
export function addActions(parts: Parts): void {
  const { app, registry, trans, palette } = parts;
  app.commands.addCommand(ModelCommands.register, {
    label: trans.__('Register Model…'),
    caption: trans.__('Make a file of a run the next version of a model'),
    execute: args => orSay(trans.__('The model was not registered'), () => register(parts, args as Registering))
  });
  palette?.addItem({ command: ModelCommands.register, category: trans.__('GPU runs') });
  const promoteLabel = (version: string) => trans.__('Promote %1…', version);
  addAction(parts, ModelCommands.promote, promoteLabel, 2, ({ name, version }) => askToPromote(registry, name, version, trans));
  addAction(parts, ModelCommands.download, version => trans.__('Download %1', version), 3, async ({ name, version }) => {
    await registry.verify(name, version); // a browser has no words for a download that is refused
    download(registry.downloadUrl(name, version));
  });
  app.commands.addCommand(ModelCommands.archive, {
    label: args => {
      const version = `v${meantBy(app, args)?.version ?? ''}`;
      return status(app, args) === 'archived' ? trans.__('Make %1 Ready', version) : trans.__('Archive %1', version);
    },
    isEnabled: args => meantBy(app, args)?.version !== undefined,
    execute: args => {
      const after = status(app, args) === 'archived' ? 'ready' : 'archived';
      return act(parts, args, trans.__('Archive'), ({ name, version }) => registry.change(name, version, { status: after }));
    }
  });
  app.contextMenu.addItem({ command: ModelCommands.archive, selector: ROWS, rank: 4, args: { clicked: true } });
  app.commands.addCommand(ModelCommands.remove, {
    label: args => (isVersion(app, args) ? trans.__('Delete v%1…', meantBy(app, args)?.version) : trans.__('Delete Model…')),
    isEnabled: args => !!meantBy(app, args),
    execute: args => {
      const version = isVersion(app, args);
      return act(parts, args, trans.__('Delete'), meant => remove(parts, version ? meant : { name: meant.name }));
    }
  });
  app.contextMenu.addItem({ command: ModelCommands.remove, selector: ROWS, rank: 5, args: { clicked: true } });
}

function addAction(parts: Parts, command: string, label: (version: string) => string, rank: number, what: Act): void {
  const { app, trans } = parts;
  const labelled = (args: ReadonlyPartialJSONObject) => {
    const version = meantBy(app, args)?.version;
    return label(version === undefined ? trans.__('Model') : `v${version}`);
  };
  app.commands.addCommand(command, {
    label: labelled,
    isEnabled: args => meantBy(app, args)?.version !== undefined,
    execute: args => act(parts, args, labelled(args), what)
  });
  app.contextMenu.addItem({ command, selector: ROWS, rank, args: { clicked: true } });
}

async function act({ app }: Parts, args: ReadonlyPartialJSONObject, label: string, what: Act): Promise<void> {
  const meant = meantBy(app, args);
  if (meant) {
    await orSay(label, () => what({ version: 0, ...meant }));
  }
}

async function register({ app, registry, trans }: Parts, given: Registering): Promise<void> {
  const made = await askToRegister(registry, given, trans);
  if (made) {
    await app.commands.execute(ModelCommands.open, { name: made.name });
  }
}

async function remove({ registry, trans }: Parts, { name, version }: Meant): Promise<void> {
  const what = version === undefined ? trans.__('The model %1 with all its versions', name) : trans.__('Version %2 of %1', name, version);
  const answer = await showDialog({
    title: version === undefined ? trans.__('Delete Model') : trans.__('Delete Version'),
    body: trans.__('%1 is deleted for good. Runs keep their files.', what),
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: trans.__('Delete') })]
  });
  if (answer.button.accept) {
    await registry.remove(name, version);
  }
}

async function orSay(title: string, what: () => Promise<unknown>): Promise<void> {
  try {
    await what();
  } catch (error) {
    await showErrorMessage(title, error as Error);
  }
}

/** The model, and the version, that a command is about: named in its arguments, or those that were clicked. */
function meantBy(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): Meant | undefined {
  if (typeof args.name === 'string' && args.name) {
    return { name: args.name, version: typeof args.version === 'number' ? args.version : undefined };
  }
  const row = clicked(app, args);
  return row?.dataset.model ? { name: row.dataset.model, version: Number(row.dataset.version) } : undefined;
}

function isVersion(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): boolean {
  return typeof args.version === 'number' || !!clicked(app, args)?.matches(VERSION);
}

function status(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): string | undefined {
  return typeof args.status === 'string' ? args.status : clicked(app, args)?.dataset.status;
}

function clicked(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): HTMLElement | undefined {
  return args.clicked ? app.contextMenuHitTest(node => !!node.dataset.model) : undefined;
}

/** Let the browser save what is there. */
function download(url: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  link.click();
}
