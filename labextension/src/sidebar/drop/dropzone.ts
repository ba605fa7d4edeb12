/** The sidebar takes files: a script, a folder or a zip that is dropped on it becomes a run. */
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import type { Drag } from '@lumino/dragdrop';
import { element } from '../../look/dom';
import type { Translate } from '../../look/words';
import type { Run } from '../../server/types';
import type { PanelModel } from '../panelmodel';
import { askWhatToRun, Wanted } from './dialog';
import { Project, projectOf } from './project';
import { Dropped, fromDesktop, fromFileBrowser } from './sources';

const FROM_FILE_BROWSER = 'application/x-jupyter-icontents';
const OVER = 'gpurun-mod-drop';

export interface DropZoneOptions {
  model: PanelModel;
  contents: Contents.IManager;
  trans: Translate;
}

/** Let what is dropped on `node` be submitted. */
export function takeDrops(node: HTMLElement, options: DropZoneOptions): void {
  element('div', 'gpurun-drop', node).textContent = options.trans.__('Drop a script, a folder or a zip to run it');
  takeFromDesktop(node, options);
  takeFromFileBrowser(node, options);
}

function takeFromDesktop(node: HTMLElement, options: DropZoneOptions): void {
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  node.addEventListener('dragover', event => {
    if (hasFiles(event)) {
      event.preventDefault(); // else the browser allows no drop
      node.classList.add(OVER);
    }
  });
  node.addEventListener('dragleave', event => {
    if (!node.contains(event.relatedTarget as Node | null)) { // it is told of children that are left, too
      node.classList.remove(OVER);
    }
  });
  node.addEventListener('drop', event => {
    node.classList.remove(OVER);
    if (event.dataTransfer && hasFiles(event)) {
      event.preventDefault(); // else the browser opens the file in the place of the page
      event.stopPropagation();
      void submit(fromDesktop(event.dataTransfer.items), options);
    }
  });
}

/** JupyterLab's own drags are other events than the browser's. */
function takeFromFileBrowser(node: HTMLElement, options: DropZoneOptions): void {
  const listen = (type: string, take: (event: Drag.Event) => void) =>
    node.addEventListener(type, event => {
      const drag = event as Drag.Event;
      if (drag.mimeData.hasData(FROM_FILE_BROWSER)) {
        drag.preventDefault();
        drag.stopPropagation();
        take(drag);
      }
    });
  listen('lm-dragenter', () => node.classList.add(OVER));
  listen('lm-dragleave', () => node.classList.remove(OVER));
  listen('lm-dragover', drag => {
    node.classList.add(OVER); // taken away where the mouse has gone to a child
    drag.dropAction = drag.proposedAction; // without an action Lumino sends no drop
  });
  listen('lm-drop', drag => {
    node.classList.remove(OVER);
    drag.dropAction = drag.proposedAction;
    void submit(fromFileBrowser(options.contents, drag.mimeData.getData(FROM_FILE_BROWSER) as string[]), options);
  });
}

async function submit(dropped: Promise<Dropped>, options: DropZoneOptions): Promise<void> {
  const { model, trans } = options;
  try {
    const { name, files } = await dropped;
    const tooLarge = trans.__('That is more than 200 MB. In a notebook, %gpurun submit sends any size, and only what is new.');
    const project = await projectOf(name, files, tooLarge);
    const gpus = model.agents.flatMap(agent => agent.devices).filter(device => device.kind !== 'cpu').length;
    const wanted = await askWhatToRun(project, gpus, trans);
    if (wanted) {
      const run = await send(project, wanted, model);
      Notification.emit(trans.__('%1 is in the queue.', run.name), 'info', { autoClose: 3000 });
    }
  } catch (error) {
    await showErrorMessage(trans.__('Nothing was submitted'), error instanceof Error ? error : String(error));
  }
}

function send(project: Project, wanted: Wanted, model: PanelModel): Promise<Run> {
  const form = new FormData();
  form.append('file', project.file);
  form.append('entry', wanted.entry);
  form.append('gpu', String(wanted.gpu));
  if (wanted.name) {
    form.append('name', wanted.name);
  }
  return model.server.api.request<Run>('runs/zip', { method: 'POST', body: form });
}
