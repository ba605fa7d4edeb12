/** What is done with several runs at once. */
import { InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { stopRun } from '../runview/follow';
import type { Translate } from '../look/words';
import type { IRunServer } from '../server/server';
import type { Run } from '../server/types';
import { tagRun } from './query';

/** Stop them all; those that are stopping already are killed. */
export async function stopRuns(server: IRunServer, runs: readonly Run[], trans: Translate): Promise<void> {
  await Promise.all(runs.map(run => stopRun(server, run, trans)));
}

/** Ask for tags. What all of the runs have can be changed, and what only some have stays. */
export async function tagRuns(server: IRunServer, runs: readonly Run[], trans: Translate): Promise<void> {
  const common = runs[0].tags.filter(tag => runs.every(run => run.tags.includes(tag)));
  const answer = await InputDialog.getText({
    title: runs.length === 1 ? trans.__('Tags of %1', runs[0].name) : trans.__('Tags of %1 runs', runs.length),
    label: trans.__('Tags, with commas between them'),
    text: common.join(', '),
    okLabel: trans.__('Tag')
  });
  if (!answer.button.accept) {
    return;
  }
  const wanted = (answer.value ?? '').split(',').map(tag => tag.trim()).filter(tag => tag);
  try {
    await Promise.all(runs.map(run => tagRun(server.api, run.id, tagsOf(run, common, wanted))));
  } catch (error) {
    await showErrorMessage(trans.__('The tags were not changed'), error instanceof Error ? error : String(error));
  }
}

function tagsOf(run: Run, common: readonly string[], wanted: readonly string[]): string[] {
  return [...new Set([...run.tags.filter(tag => !common.includes(tag)), ...wanted])];
}

/** Have the browser download a file. */
export function download(url: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
