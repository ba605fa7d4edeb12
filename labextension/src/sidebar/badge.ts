/** The number at the sidebar's tab: a person's own runs that have ended while the sidebar was out of sight. */
import type { Translate } from '../look/words';
import type { RunsPanel } from './panel';

export function countEnds(sidebar: RunsPanel, trans: Translate): void {
  let ended = 0;
  let failed = 0;
  const show = () => {
    const words = trans._n('%1 run has ended', '%1 runs have ended', ended);
    const caption = failed ? trans.__('GPU runs: %1, %2 without success', words, failed) : trans.__('GPU runs: %1', words);
    sidebar.setBadge(ended ? String(ended) : '', ended ? caption : '');
  };
  sidebar.model.ended.connect((model, run) => {
    if (!sidebar.isVisible && model.isMine(run)) {
      ended++;
      failed += run.outcome === 'succeeded' ? 0 : 1;
      show();
    }
  });
  sidebar.model.changed.connect(() => {
    if (ended && sidebar.isVisible) {
      ended = failed = 0;
      show();
    }
  });
}
