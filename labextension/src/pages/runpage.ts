/** A run in a tab of the main area: its view on top, below it tabs for output, charts, files, configuration and more. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { TabPanelSvg } from '@jupyterlab/ui-components';
import { Message, MessageLoop } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';
import { gpuIcon } from '../look/icons';
import { stateName } from '../look/sentences';
import { FollowedRun, followRun } from '../runview/follow';
import { isHeardOf, Run } from '../server/types';
import { ChartsTab } from './chartstab';
import { CompareTab } from './comparetab';
import { ConfigTab } from './configtab';
import { FilesTab } from './filestab';
import { HistoryTab } from './historytab';
import { NestedRuns } from './nested';
import { OutputTab } from './outputtab';
import { Notebooks, OriginLine } from './origin';
import type { ReadOnly } from './readonly';
import type { PageParts, Tab, TabName } from './tab';

/** What JupyterLab gives to draw with, and how it opens a notebook. */
export interface Drawing {
  readonly readOnly: ReadOnly;
  readonly rendermime: IRenderMimeRegistry;
  readonly notebooks: Notebooks;
}

export class RunContent extends Panel {
  /** Emitted when another tab is looked at. */
  readonly tabChanged = new Signal<this, TabName>(this);
  private head = new Widget();
  private tabs = new TabPanelSvg({ tabPlacement: 'top', tabsMovable: false });
  private output: OutputTab;
  private origin: OriginLine;
  private nested: NestedRuns;
  private view: FollowedRun | null = null;
  // Lumino knows of sizes that it has given itself; the head grows by itself.
  private resized = new ResizeObserver(() => MessageLoop.postMessage(this.tabs, Widget.ResizeMessage.UnknownSize));
  private run: Run | null = null;

  constructor(
    private parts: PageParts,
    { readOnly, rendermime, notebooks }: Drawing
  ) {
    super();
    this.addClass('gpurun-page');
    this.id = `gpurun-run-${this.runId}`;
    this.title.label = this.runId;
    this.title.icon = gpuIcon;
    this.title.closable = true;
    this.head.addClass('gpurun-page-head');
    this.output = new OutputTab(parts, rendermime);
    this.origin = new OriginLine(parts, notebooks);
    this.nested = new NestedRuns(parts);
    const others = [new FilesTab(parts, readOnly), new ConfigTab(parts, readOnly), new CompareTab(parts, readOnly)];
    [this.output, new ChartsTab(parts), ...others, new HistoryTab(parts)].forEach(tab => this.tabs.addWidget(tab));
    this.tabs.tabBar.node.setAttribute('aria-label', parts.trans.__('Parts of the run'));
    this.tabs.currentChanged.connect(() => this.looked());
    this.node.addEventListener('keydown', event => this.keyDown(event));
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
    this.view ??= followRun(this.head.node, this.runId, { // a page that is moved is attached once more
      server,
      trans,
      withoutLog: true,
      onRerun: run => command('gpurun:open-run', { run: run.id })?.(),
      onDiff: () => this.showTab('compare'),
      onRun: run => this.changed(run)
    });
    this.head.node.append(this.origin.node, this.nested.node);
    this.resized.observe(this.tabs.node);
    this.looked();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.looked();
  }

  protected onActivateRequest(): void {
    if (!this.node.contains(document.activeElement)) { // a click into the page has put it where it belongs
      this.tabs.currentWidget?.node.focus();
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.resized.disconnect();
      this.view?.dispose();
      this.nested.dispose();
      super.dispose();
    }
  }

  private changed(run: Run): void {
    this.run = run;
    void this.origin.load(run);
    void this.nested.load(run);
    this.parent?.node.toggleAttribute('data-heard-of', isHeardOf(run)); // what cannot be done with it is not offered
    this.title.label = run.name;
    this.title.caption = `${run.name} (${run.id}): ${stateName(run, this.parts.trans)}`;
    if (run.deleted) {
      this.parent?.close(); // the parent is the page, toolbar and all
    } else {
      this.wake();
    }
  }

  private looked(): void {
    this.wake();
    this.tabChanged.emit(this.tab);
  }

  /** As everywhere in JupyterLab, Ctrl-F searches what is in front. */
  private keyDown(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === 'f' && this.tab === 'output') {
      event.preventDefault();
      event.stopPropagation();
      this.output.find();
    }
  }

  /** Only the tab in sight works. */
  private wake(): void {
    if (this.isVisible) {
      (this.tabs.currentWidget as Tab).wake(this.run);
    }
  }
}

export type RunPage = MainAreaWidget<RunContent>;
