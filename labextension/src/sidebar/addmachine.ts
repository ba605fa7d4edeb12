/** The line that lets another machine join: asked of the server, shown, and copied. */
import { Clipboard, Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { element, setText } from '../look/dom';
import type { Translate } from '../look/words';
import type { Api } from '../server/api';

interface Invitation {
  token: string;
}

/** Show a line to type on another machine; it counts once, and for an hour. */
export async function addMachine(api: Api, trans: Translate): Promise<void> {
  let invitation: Invitation;
  try {
    invitation = await api.request<Invitation>('agents/invite', { method: 'POST', body: '{}' });
  } catch (error) {
    await showErrorMessage(trans.__('No machine can be added now'), error as Error);
    return;
  }
  const line = joiningLine(api.settings.baseUrl, invitation.token);
  const copy = Dialog.okButton({ label: trans.__('Copy') });
  const { button } = await showDialog({
    title: trans.__('Add a Machine'),
    body: bodyOf(line, api.settings.baseUrl, trans),
    buttons: [Dialog.cancelButton({ label: trans.__('Close') }), copy]
  });
  if (button.accept) {
    Clipboard.copyToSystem(line);
  }
}

/** The server is named as this page reaches it, which behind a proxy only the page knows. */
export function joiningLine(url: string, token: string): string {
  return `gpurun agent join ${url} --token ${token}`;
}

function bodyOf(line: string, url: string, trans: Translate): Widget {
  const body = new Widget();
  body.addClass('gpurun-join');
  const say = (text: string) => setText(element('p', '', body.node), text);
  say(trans.__('On the machine with the GPUs, after "pip install gpurun-jupyter", paste this line. It counts once, for an hour.'));
  setText(element('code', 'gpurun-join-line', body.node), line);
  const { hostname } = new URL(url);
  if (['localhost', '127.0.0.1', '[::1]'].includes(hostname)) {
    say(trans.__('Write the name of this machine in the place of %1, unless both are one.', hostname));
  }
  return body;
}
