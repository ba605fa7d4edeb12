/** A run in a tab of the main area: its view on top, below it tabs for output, charts, files, configuration and more. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import { TabPanelSvg } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';
import { gpuIcon } from '../look/icons';
import { stateName } from '../look/sentences';
import { FollowedRun, followRun } from '../runview/follow';
import type { Run } from '../server/types';
import { ChartsTab } from './chartstab';
import { CompareTab } from './comparetab';
import { ConfigTab } from './configtab';
import { FilesTab } from './filestab';
import { HistoryTab } from './historytab';
import { OutputTab } from './outputtab';
import type { ReadOnly } from './readonly';
import type { PageParts, Tab, TabName } from './tab';

export class RunContent extends Panel {
  /** Emitted when another tab is looked at. */
  readonly tabChanged = new Signal<this, TabName>(this);
  private head = new Widget();
  private tabs = new TabPanelSvg({ tabPlacement: 'top', tabsMovable: false });
  private output: OutputTab;
  private view: FollowedRun | null = null;
  private run: Run | null = null;

  constructor(
    private parts: PageParts,
    readOnly: ReadOnly
  ) {
    super();
    this.addClass('gpurun-page');
    this.id = `gpurun-run-${this.runId}`;
    this.title.label = this.runId;
    this.title.icon = gpuIcon;
    this.title.closable = true;
    this.head.addClass('gpurun-page-head');
    this.output = new OutputTab(parts);
    const others = [new FilesTab(parts, readOnly), new ConfigTab(parts, readOnly), new CompareTab(parts, readOnly)];
    [this.output, new ChartsTab(parts), ...others, new HistoryTab(parts)].forEach(tab => this.tabs.addWidget(tab));
    this.tabs.tabBar.node.setAttribute('aria-label', parts.trans.__('Parts of the run'));
    this.tabs.currentChanged.connect(() => this.looked());
    this.addWidget(this.head);
    this.addWidget(this.tabs);
  }

  get runId(): string {
    return this.parts.requests.id;
  }

  get tab(): TabName {
    return (this.tabs.currentWidget as Tab).name;
  }

  /** Show one of the tabs. */
  showTab(name: TabName): void {
    const wanted = this.tabs.widgets.find(tab => (tab as Tab).name === name);
    if (wanted) {
      this.tabs.currentWidget = wanted;
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    const { server, trans, command } = this.parts;
    this.view ??= followRun(this.head.node, this.runId, {
      server,
      trans,
      withoutLog: true,
      onRerun: run => command('gpurun:open-run', { run: run.id })?.(),
      onDiff: () => this.showTab('compare'),
      onRun: run => this.changed(run)
    });
    this.looked();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.looked();
  }

  protected onActivateRequest(): void {
    const inTab = this.tabs.currentWidget?.node.querySelector<HTMLElement>('.gpurun-log');
    (inTab?.offsetParent ? inTab : this.tabs.tabBar.node.querySelector<HTMLElement>('[tabindex="0"]'))?.focus();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.view?.dispose();
      super.dispose();
    }
  }

  private changed(run: Run): void {
    this.run = run;
    this.title.label = run.name;
    this.title.caption = `${run.name} (${run.id}): ${stateName(run, this.parts.trans)}`;
    if (run.deleted) {
      this.parent?.close();
    } else {
      this.wake();
    }
  }

  private looked(): void {
    this.wake();
    this.tabChanged.emit(this.tab);
  }

  /** Only the tab in sight works. */
  private wake(): void {
    if (this.isVisible) {
      (this.tabs.currentWidget as Tab).wake(this.run);
    }
  }
}

export type RunPage = MainAreaWidget<RunContent>;
