/**
 * The run view as an anywidget, for every front end that shows widgets. The kernel follows the run and sets three traits:
 * `run` (the Run, {} before it is known), `output` ({text: the last raw terminal text, lines: how many there have been}),
 * `link` (a sentence where the kernel's connection is down, else empty).
 */
import { mountRunView } from './runview';
import type { Run } from './types';

interface Model {
  get(trait: 'run'): Run | Record<string, never>;
  get(trait: 'output'): { text?: string; lines?: number };
  get(trait: 'link'): string;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const view = mountRunView(el);
  const showRun = () => {
    const run = model.get('run');
    if ('id' in run && run.id) {
      view.setRun(run as Run);
    }
  };
  const showOutput = () => {
    const { text = '', lines = 0 } = model.get('output');
    view.replaceOutput(text, lines);
  };
  const showLink = () => view.setLink(model.get('link') ?? '');

  const listeners: [string, () => void][] = [
    ['change:run', showRun],
    ['change:output', showOutput],
    ['change:link', showLink]
  ];
  for (const [event, listener] of listeners) {
    model.on(event, listener);
    listener();
  }
  return () => {
    listeners.forEach(([event, listener]) => model.off(event, listener));
    view.dispose();
  };
}

export default { render };
