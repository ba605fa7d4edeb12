/** The server as the plugins share it: requests, and the one live connection of the page. */
import type { ServerConnection } from '@jupyterlab/services';
import { Token } from '@lumino/coreutils';
import { Api } from './api';
import { Live } from './live';

export interface IRunServer {
  readonly api: Api;
  readonly live: Live;
}

export const IRunServer = new Token<IRunServer>('gpurun-lab:IRunServer', 'Requests to gpurun and its live connection.');

export function connectTo(settings: ServerConnection.ISettings): IRunServer {
  const api = new Api(settings);
  return { api, live: new Live({ url: () => api.streamUrl, WebSocket: settings.WebSocket as typeof WebSocket }) };
}
