/** The registry's plugin: commands, pages, and the section in the sidebar. */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { IRunServer } from '../server/server';
import { ISidebar } from '../sidebar/sidebar';
import { addActions, addOpenCommand } from './commands';
import { ModelRegistry } from './registry';
import { modelsSection } from './section';

const models: JupyterFrontEndPlugin<void> = {
  id: 'gpurun-lab:models',
  description: 'The model registry: a section in the sidebar, a page for each model, dialogs.',
  autoStart: true,
  requires: [IRunServer],
  optional: [ISidebar, ICommandPalette, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IRunServer,
    sidebar: ISidebar | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('gpurun_jupyter');
    const registry = new ModelRegistry(server);
    const parts = { app, registry, trans, palette };
    addOpenCommand(parts, restorer);
    addActions(parts);
    sidebar?.addSection(modelsSection({ registry, commands: app.commands, trans }));
  }
};

export const modelPlugins = [models];
