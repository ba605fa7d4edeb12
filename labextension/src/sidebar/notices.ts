/** Notices of runs that have ended: counted at the bell of the status bar, and popping up only where a person wants that. */
import { Notification } from '@jupyterlab/apputils';
import * as format from '../look/format';
import { dots, elapsedSeconds, stateName } from '../look/sentences';
import type { Translate } from '../look/words';
import type { Run } from '../server/types';
import type { PanelModel } from './panelmodel';
import { outcomeWords } from './rowwords';
import type { Settings } from './settings';

const MOST_LETTERS = 140; // as JupyterLab's guide asks
const POPS_UP_MS = 8000;

export interface NoticeOptions {
  model: PanelModel;
  settings: Settings;
  trans: Translate;
  openRun: (id: string) => void;
}

/** Tell of a person's own runs that end. Every open page has its own bell; only the one in sight pops up. */
export function tellOfEnds(options: NoticeOptions): void {
  options.model.ended.connect((model, run) => {
    if (model.isMine(run) && isWanted(run, options.settings) && !isInSight(run)) {
      notify(run, options);
    }
  });
}

function isWanted(run: Run, { values }: Settings): boolean {
  return values.notices === 'all' || (values.notices === 'failures' && run.outcome !== 'succeeded');
}

/** Whether a view of the run can be seen on the page, which says all that the notice would. */
function isInSight(run: Run): boolean {
  const views = document.querySelectorAll<HTMLElement>(`.gpurun-view[data-run-id="${CSS.escape(run.id)}"]`);
  return document.visibilityState === 'visible' && [...views].some(isShown);
}

function isShown(view: HTMLElement): boolean {
  const { top, bottom, width } = view.getBoundingClientRect();
  return width > 0 && bottom > 0 && top < window.innerHeight && view.checkVisibility();
}

function notify(run: Run, { settings, trans, openRun }: NoticeOptions): void {
  const type = run.outcome === 'succeeded' ? 'success' : run.outcome === 'cancelled' ? 'info' : 'error';
  const popsUp = settings.values.toasts && document.visibilityState === 'visible';
  Notification.emit(noticeWords(run, trans), type, {
    autoClose: popsUp ? POPS_UP_MS : 0, // 0: kept at the bell, not shown
    actions: [
      { label: trans.__('Open'), callback: () => openRun(run.id), displayType: 'accent' },
      {
        label: trans.__('No more notices'),
        caption: trans.__('The settings of GPU Runs can bring them back'),
        callback: () => void settings.set('notices', 'none')
      }
    ]
  });
}

/** `digits-cnn succeeded in 4:51 · acc 0.962`, cut where it is too long. */
export function noticeWords(run: Run, trans: Translate): string {
  const words = dots(`${run.name} ${howItEnded(run, trans)}`, outcomeWords(run, trans));
  return words.length > MOST_LETTERS ? `${words.slice(0, MOST_LETTERS - 1)}…` : words;
}

function howItEnded(run: Run, trans: Translate): string {
  const seconds = elapsedSeconds(run, 0);
  const state = stateName(run, trans);
  if (seconds === null) {
    return state;
  }
  const time = format.took(seconds);
  return run.outcome === 'succeeded' ? trans.__('succeeded in %1', time) : trans.__('%1 after %2', state, time);
}
