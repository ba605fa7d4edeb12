/** The JupyterLab side of gpurun: which plugins there are. Each part of the page has its own in a `plugin.ts`. */
import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { launchPlugins } from './launch/plugin';
import { modelPlugins } from './models/plugin';
import { overviewPlugins } from './overview/plugin';
import placing from './pages/placing';
import { pagePlugins } from './pages/plugin';
import runs from './runs/plugin';
import { runViewPlugins } from './runview/plugin';
import { connectTo, IRunServer } from './server/server';
import { sidebarPlugins } from './sidebar/plugin';

const server: JupyterFrontEndPlugin<IRunServer> = {
  id: 'gpurun-lab:server',
  description: 'Requests to gpurun and the one live connection of the page.',
  autoStart: true,
  provides: IRunServer,
  activate: (app: JupyterFrontEnd) => connectTo(app.serviceManager.serverSettings)
};

export default [
  server,
  ...pagePlugins,
  ...runViewPlugins,
  ...sidebarPlugins,
  ...overviewPlugins,
  runs,
  ...modelPlugins,
  ...launchPlugins,
  placing
];
