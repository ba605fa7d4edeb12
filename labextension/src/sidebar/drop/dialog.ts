/** What is asked of somebody who has dropped files: what to run, under which name, on how many GPUs. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { element } from '../../look/dom';
import type { Translate } from '../../look/words';
import { likelyEntry, Project } from './project';

export interface Wanted {
  entry: string;
  name: string;
  gpu: number;
}

/** Ask; null where the answer is no. `gpus` is how many GPUs there are. */
export async function askWhatToRun(project: Project, gpus: number, trans: Translate): Promise<Wanted | null> {
  const body = new Questions(project, gpus, trans);
  const answer = await showDialog({
    title: trans.__('Run %1', project.file.name),
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Add to queue') })],
    focusNodeSelector: likelyEntry(project.scripts) ? '.gpurun-ask-name' : '.gpurun-ask-entry'
  });
  return answer.button.accept ? answer.value : null;
}

class Questions extends Widget implements Dialog.IBodyWidget<Wanted> {
  private entry: HTMLInputElement;
  private name: HTMLInputElement;
  private gpu: HTMLInputElement;

  constructor(project: Project, gpus: number, trans: Translate) {
    super();
    this.addClass('gpurun-ask');
    element('p', 'gpurun-ask-files', this.node).textContent = trans._n('%1 file', '%1 files', project.files);
    this.entry = this.ask('entry', trans.__('Script to run'), likelyEntry(project.scripts));
    this.entry.required = true;
    this.entry.placeholder = 'train.py';
    this.offer(project.scripts);
    this.name = this.ask('name', trans.__('Name of the run'), project.name.slice(0, 100));
    this.name.pattern = '[^\\/\\\\]{1,100}';
    this.gpu = this.ask('gpu', trans.__('GPUs (0: a CPU slot)'), gpus ? '1' : '0');
    Object.assign(this.gpu, { type: 'number', min: '0', max: String(Math.max(gpus, 0)), step: '1', required: true });
  }

  getValue(): Wanted {
    return { entry: this.entry.value.trim(), name: this.name.value.trim(), gpu: Number(this.gpu.value) };
  }

  /** A dialog looks at what is missing when something is typed; here it shall do so from the start. */
  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    requestAnimationFrame(() => this.entry.dispatchEvent(new Event('input', { bubbles: true })));
  }

  private ask(name: string, label: string, value: string): HTMLInputElement {
    const line = element('label', 'gpurun-ask-line', this.node);
    element('span', 'gpurun-ask-label', line).textContent = label;
    const input = element('input', `gpurun-ask-${name} jp-mod-styled`, line);
    input.value = value;
    return input;
  }

  private offer(scripts: readonly string[]): void {
    const list = element('datalist', '', this.node);
    list.id = 'gpurun-ask-scripts';
    list.append(...scripts.map(script => new Option(script)));
    this.entry.setAttribute('list', list.id);
  }
}
