/**
 * The run view as an anywidget, for every front end that shows widgets. The kernel follows the run and sets the traits:
 * `run` (the Run, {} before it is known), `output` ({text: the last raw terminal text, lines: how many there have been}),
 * `facts` (curves, sample, checkpoints), `link` (a sentence where the kernel's connection is down, else empty). Where
 * `can_stop` is set, the kernel takes the message {type: 'stop'}.
 */
import { mountRunView } from './runview';
import { Facts, isLive, Run } from '../server/types';
import { english as trans } from '../look/words';

interface Model {
  get(trait: 'run'): Run | Record<string, never>;
  get(trait: 'output'): { text?: string; lines?: number };
  get(trait: 'facts'): Partial<Facts>;
  get(trait: 'link'): string;
  get(trait: 'can_stop'): boolean;
  send(message: { type: 'stop' }): void;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
}

const NO_FACTS: Facts = { curves: {}, sample: null, checkpoints: 0, checkpoint: null };

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const stop = () => {
    model.send({ type: 'stop' });
    view.setLink(trans.__('asked to stop; a busy kernel does it when it is free'));
  };
  const view = mountRunView(el, model.get('can_stop') ? { onStop: stop } : {});
  const showLink = () => view.setLink(model.get('link') ?? '');
  const showRun = () => {
    const run = model.get('run');
    if ('id' in run && run.id) {
      view.setRun(run as Run);
      if (run.state === 'stopping' || !isLive(run as Run)) { // it has been heard: that it was asked is no longer said
        showLink();
      }
    }
  };
  const showOutput = () => {
    const { text = '', lines = 0 } = model.get('output');
    view.replaceOutput(text, lines);
  };
  const showFacts = () => view.setFacts({ ...NO_FACTS, ...model.get('facts') });

  const listeners: [string, () => void][] = [
    ['change:run', showRun],
    ['change:output', showOutput],
    ['change:facts', showFacts],
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
