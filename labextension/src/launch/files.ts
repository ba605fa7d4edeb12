/** Saving a launch file that has no file yet. */
import { InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import type { Translate } from '../look/words';

const ENDING = /\.ya?ml$/;

/** Ask where to save the text, and do it; the path, or nothing where it was left. */
export async function saveAs(
  contents: Contents.IManager,
  text: string,
  path: string,
  trans: Translate
): Promise<string | undefined> {
  const answer = await InputDialog.getText({
    title: trans.__('Save Launch File'),
    label: trans.__('Path'),
    text: path || 'launch.gpurun.yaml',
    okLabel: trans.__('Save')
  });
  const given = answer.value?.trim();
  if (!given) {
    return undefined;
  }
  const place = ENDING.test(given) ? given : `${given}.gpurun.yaml`;
  try {
    await contents.save(place, { type: 'file', format: 'text', content: text, name: PathExt.basename(place) });
    return place;
  } catch (error) {
    await showErrorMessage(trans.__('The launch file was not saved'), error as Error);
    return undefined;
  }
}
