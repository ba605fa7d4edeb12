/** A run in a tab of the main area: its view with the whole height for the output. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { FollowedRun, followRun } from '../runview/follow';
import { gpuIcon } from '../look/icons';
import { stateName } from '../look/sentences';
import type { IRunServer } from '../server/server';
import type { Translate } from '../look/words';

class LogPage extends Widget {
  private view: FollowedRun | null = null;

  constructor(
    readonly runId: string,
    private server: IRunServer,
    private trans: Translate
  ) {
    super();
    this.addClass('gpurun-logpage');
    this.id = `gpurun-run-${runId}`;
    this.title.label = runId;
    this.title.icon = gpuIcon;
    this.title.closable = true;
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.view ??= followRun(this.node, this.runId, {
      server: this.server,
      trans: this.trans,
      fills: true,
      logUrl: this.server.api.logUrl(this.runId),
      onRun: run => {
        this.title.label = run.name;
        this.title.caption = `${run.name} (${run.id}): ${stateName(run, this.trans)}`;
      }
    });
  }

  protected onActivateRequest(): void {
    this.node.querySelector<HTMLElement>('.gpurun-log')?.focus();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.view?.dispose();
      super.dispose();
    }
  }
}

export type RunPage = MainAreaWidget<LogPage>;

/** The page of run `id`, to be added to the main area. */
export function makeRunPage(id: string, server: IRunServer, trans: Translate): RunPage {
  const page = new MainAreaWidget({ content: new LogPage(id, server, trans) });
  page.toolbar.hide();
  return page;
}
