/** The order of the queue as a person changes it: their own runs among each other. */
import type { Run } from '../server/types';
import type { PanelModel } from './panelmodel';

/** The runs that a person may move. */
export function movable(model: PanelModel): Run[] {
  return model.queue.filter(run => run.state === 'queued' && model.isMine(run));
}

/** The own run that follows where a run is dropped at `index` of the whole queue; null at the end. */
export function following(model: PanelModel, moved: string, index: number): string | null {
  const mine = new Set(movable(model).map(run => run.id));
  return model.queue.slice(index).find(run => mine.has(run.id) && run.id !== moved)?.id ?? null;
}

/** The own run that follows when `moved` goes up or down by one; undefined where it cannot. */
export function stepped(model: PanelModel, moved: string, step: -1 | 1): string | null | undefined {
  const ids = movable(model).map(run => run.id);
  const from = ids.indexOf(moved);
  const to = from + step;
  if (from < 0 || to < 0 || to >= ids.length) {
    return undefined;
  }
  return ids[step < 0 ? to : to + 1] ?? null;
}

/** Ask the server to let `moved` come right before `before`, or last. */
export async function moveBefore(model: PanelModel, moved: string, before: string | null): Promise<void> {
  await model.server.api.request('queue/move', { method: 'POST', body: JSON.stringify({ run: moved, before }) });
}
