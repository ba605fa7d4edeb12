/** Removing a machine that somebody has added: asked for, and said what becomes of its runs. */
import { Dialog, InputDialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { Translate } from '../look/words';
import type { Api } from '../server/api';
import type { Agent } from '../server/types';

/** Which machine is meant; nothing where there is none to remove, or nobody wants to say. */
export async function askForMachine(api: Api, trans: Translate): Promise<string | undefined> {
  const items = (await machines(api, trans)).filter(agent => agent.removable).map(agent => agent.id);
  const title = trans.__('Remove a Machine');
  if (!items.length) {
    await showDialog({ title, body: trans.__('No machine here was added by you.'), buttons: [Dialog.okButton()] });
    return undefined;
  }
  return (await InputDialog.getItem({ title, label: trans.__('Machine'), items })).value ?? undefined;
}

/** Ask, and let the machine in no more. */
export async function removeMachine(api: Api, id: string, trans: Translate): Promise<void> {
  const agent = (await machines(api, trans)).find(one => one.id === id);
  const answer = await showDialog({
    title: trans.__('Remove %1?', id),
    body: `${trans.__('It is let in no more; it can join again as a new machine.')} ${whatIsLost(agent, trans)}`.trim(),
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: trans.__('Remove') })]
  });
  if (answer.button.accept) {
    try {
      await api.request(`agents/${encodeURIComponent(id)}/revoke`, { method: 'POST', body: '{}' });
    } catch (error) {
      await showErrorMessage(trans.__('%1 was not removed', id), error as Error);
    }
  }
}

async function machines(api: Api, trans: Translate): Promise<readonly Agent[]> {
  try {
    return (await api.request<{ agents: Agent[] }>('devices')).agents;
  } catch (error) {
    await showErrorMessage(trans.__('The server does not say which machines there are'), error as Error);
    return [];
  }
}

function whatIsLost(agent: Agent | undefined, trans: Translate): string {
  const held = (agent?.devices ?? []).filter(device => device.run_owner);
  const runs = new Set(held.map(device => device.run_id ?? device.id)).size;
  return runs
    ? trans._n(
        'The run that is at work there fails here as lost, and may go on there: stop it first.',
        'The %1 runs that are at work there fail here as lost, and may go on there: stop them first.',
        runs
      )
    : '';
}
