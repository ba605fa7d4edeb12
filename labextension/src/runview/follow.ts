/** A run view that is kept up to date over the page's live connection; under a cell and on the run's page. */
import { showErrorMessage } from '@jupyterlab/apputils';
import { rerunRun } from '../server/requests';
import { sentence } from '../server/api';
import { Ghost } from './ghost';
import type { RunFeed } from '../server/feed';
import type { Link } from '../server/live';
import { mountRunView } from './runview';
import type { IRunServer } from '../server/server';
import { isLive, Run } from '../server/types';
import type { Translate } from '../look/words';

export interface FollowOptions {
  server: IRunServer;
  trans: Translate;
  onOpen?: () => void;
  withoutLog?: boolean;
  /** Told what was made by running it again. */
  onRerun?: (run: Run) => void;
  onDiff?: (run: Run) => void;
  /** Told whenever the run changed. */
  onRun?: (run: Run) => void;
}

export interface FollowedRun {
  /** What was known of the run when the notebook was saved; shown until the server says more. */
  setSaved(run: Run): void;
  /** How many displays, values and errors of the run the cell shows itself; the output need not repeat them. */
  setPublished(count: number): void;
  dispose(): void;
}

const PUBLISHED_DELAY_MS = 1000; // the last that the cell shows may still be on its way to it

/** Draw run `id` into `el` and follow it. */
export function followRun(el: HTMLElement, id: string, options: FollowOptions): FollowedRun {
  const { server, trans } = options;
  let saved: Run | null = null;
  let published: number | null = null;
  let timer = 0;

  const { feed, stop } = server.live.watchRun(id, part => {
    if (part === 'output') {
      view.redraw();
    } else {
      show();
    }
  });
  const view = mountRunView(el, {
    tail: feed.tail,
    trans,
    onOpen: options.onOpen,
    withoutLog: options.withoutLog,
    onStop: run => void stopRun(server, run, trans),
    onRerun: options.onRerun && (run => void rerun(server, run, trans, options.onRerun!)),
    onDiff: options.onDiff
  });
  const ghost = new Ghost(server, id, previous => view.setPrevious(previous));
  const show = () => {
    const run = feed.run ?? saved;
    if (run) {
      view.setRun(run, !feed.run);
    }
    view.setFacts(feed.facts);
    view.setUnknown(
      isUnknown(feed) ? trans.__('This server does not know run %1.', id) : trans.__('asking the server about run %1', id)
    );
    view.setLink(trouble(feed, run, server.live.link, trans));
    chooseOutput();
    if (feed.run) {
      ghost.look(feed.run);
      options.onRun?.(feed.run);
    }
  };
  // A cell that waits for its run shows displays, value and error itself, and says at the end how many. If those were not
  // all (the kernel is gone, the cell did not wait), the rest would be seen nowhere, so then all of them are text here.
  const chooseOutput = () => {
    clearTimeout(timer);
    if (published !== null && !lacks(feed, published)) {
      view.showTail(feed.printed);
    } else {
      timer = window.setTimeout(() => view.showTail(feed.tail), published === null ? 0 : PUBLISHED_DELAY_MS);
    }
  };
  server.live.linkChanged.connect(show);
  show();

  return {
    setSaved(run) {
      saved = run;
      show();
    },
    setPublished(count) {
      published = count;
      chooseOutput();
    },
    dispose() {
      clearTimeout(timer);
      server.live.linkChanged.disconnect(show);
      ghost.dispose();
      stop();
      view.dispose();
    }
  };
}

/** Whether a run that is over has shown more than the cell has published. */
function lacks(feed: RunFeed, published: number): boolean {
  return feed.run !== null && !isLive(feed.run) && feed.shown > published;
}

function isUnknown(feed: RunFeed): boolean {
  return feed.error?.code === 'run_not_found';
}

/** What to say of the connection, or of a server that cannot say more. */
function trouble(feed: RunFeed, run: Run | null, link: Link, trans: Translate): string {
  if (isUnknown(feed)) {
    return run ? trans.__('shown as it was saved: this server does not know the run') : '';
  }
  if (feed.error) {
    return sentence(feed.error);
  }
  if (link !== 'down' || (feed.run && !isLive(feed.run))) {
    return ''; // nothing more is to come of a run that is over
  }
  return run && isLive(run) ? trans.__('reconnecting, output continues on the machine') : trans.__('reconnecting');
}

async function rerun(server: IRunServer, run: Run, trans: Translate, then: (run: Run) => void): Promise<void> {
  try {
    then(await rerunRun(server, run.id));
  } catch (error) {
    await showErrorMessage(trans.__('Could not run %1 again', run.name), error as Error);
  }
}

/** Stop a run; asked again while it is stopping, kill it. */
export async function stopRun(server: IRunServer, run: Run, trans: Translate): Promise<void> {
  try {
    await server.api.cancel(run.id, run.state === 'stopping');
  } catch (error) {
    await showErrorMessage(trans.__('%1 was not stopped', run.name), error instanceof Error ? error : String(error));
  }
}
