/** How busy it is, in few words. */
import type { Translate } from '../look/words';
import { counted, isBusy, PanelModel } from './panelmodel';

/** `3/6 GPUs · 2 waiting`: CPU slots where there is no GPU. */
export function loadWords(model: PanelModel, trans: Translate): string {
  const devices = counted(model.agents);
  if (!devices.length) {
    return trans.__('no devices');
  }
  const share = `${devices.filter(isBusy).length}/${devices.length}`;
  const load = devices[0].kind === 'cpu' ? trans.__('%1 CPU slots', share) : trans.__('%1 GPUs', share);
  const waiting = model.queue.filter(run => run.state === 'queued').length;
  return waiting ? trans.__('%1 · %2 waiting', load, waiting) : load;
}
