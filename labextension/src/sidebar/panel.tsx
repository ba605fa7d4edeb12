/** The sidebar: a head and sections that are drawn anew when the model has changed. It watches only while it is in sight. */
import { ITranslator } from '@jupyterlab/translation';
import { addIcon, LabIcon, PanelWithToolbar, ReactWidget, refreshIcon, settingsIcon, SidePanel, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { AccordionPanel, Widget } from '@lumino/widgets';
import React from 'react';
import { gpuIcon } from '../look/icons';
import { addStylesheet } from '../look/stylesheet';
import type { Translate } from '../look/words';
import type { Stop } from '../server/live';
import type { Run } from '../server/types';
import { busyWords, DevicesList } from './deviceslist';
import type { PanelModel } from './panelmodel';
import { Buttons, Glyph } from './panelparts';
import { QueueList } from './queuelist';
import { RunsList } from './runslist';
import type { Settings } from './settings';
import type { ISidebar, Section } from './sidebar';

export const PANEL_ID = 'gpurun-panel';

const TITLE_HEIGHT = 32; // pixels, of a section in JupyterLab's accordion
const LEAST_SHARE = 0.12;
const MOST_QUEUE_ROWS = 5; // that make their section grow

export interface PanelOptions {
  model: PanelModel;
  settings: Settings;
  translator: ITranslator;
  trans: Translate;
  openRun: (id: string) => void;
  stopRun: (run: Run) => void;
  /** What the buttons do now; without one there is no button. */
  buttons: () => Buttons;
}

export class RunsPanel extends SidePanel implements ISidebar {
  readonly model: PanelModel;
  readonly settings: Settings;
  private sections: { name: string; widget: PanelWithToolbar }[] = [];
  private unwatch: Stop | null = null;
  private needs = ''; // what the heights were last chosen by
  private arranged = false; // by a person

  constructor(private options: PanelOptions) {
    super({ translator: options.translator });
    this.model = options.model;
    this.settings = options.settings;
    this.id = PANEL_ID;
    this.addClass('gpurun-panel');
    this.title.icon = gpuIcon;
    this.title.caption = options.trans.__('GPU runs');
    this.header.addWidget(this.live(() => <Head {...options} />));
    this.addOwnSections();
    addStylesheet(this.node);
    this.model.changed.connect(this.share, this);
    (this.content as AccordionPanel).handleMoved.connect(() => (this.arranged = true));
    this.settings.changed.connect(this.placeSections, this);
  }

  addSection({ name, label, body, head, changed }: Section): PanelWithToolbar {
    const widget = new PanelWithToolbar();
    widget.addClass('gpurun-section');
    widget.title.label = label;
    widget.addWidget(body);
    if (head) {
      widget.toolbar.addItem('head', head);
    }
    changed?.connect(() => requestAnimationFrame(() => this.share())); // once React has drawn
    this.sections.push({ name, widget });
    this.placeSections();
    return widget;
  }

  /** Say at the tab that there is something to see; an empty text where there is not. */
  setBadge(text: string, caption: string): void {
    const { 'gpurun-badge': _, ...others } = this.title.dataset;
    this.title.dataset = text ? { ...others, 'gpurun-badge': text } : others; // another object: Lumino tells nobody of what changes in one
    this.title.caption = caption || this.options.trans.__('GPU runs');
  }

  dispose(): void {
    this.settings.changed.disconnect(this.placeSections, this);
    this.model.changed.disconnect(this.share, this);
    this.unwatch?.();
    super.dispose();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.unwatch ??= this.model.watch();
    this.share();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) { // what is attached in sight gets no after-show
      this.unwatch ??= this.model.watch();
    }
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.unwatch?.();
    this.unwatch = null;
  }

  private addOwnSections(): void {
    const { model, trans, openRun, stopRun, settings, buttons } = this.options;
    const actions = { trans, onOpen: (run: Run) => openRun(run.id), onStop: stopRun };
    this.addSection({
      name: 'devices',
      label: trans.__('Devices'),
      head: this.live(() => <span className="gpurun-count">{busyWords(model.agents, trans)}</span>),
      body: this.live(() => (
        <DevicesList
          agents={model.agents}
          loaded={model.loaded.devices}
          trans={trans}
          onOpen={openRun}
          onAdd={buttons().onAddMachine}
        />
      ))
    });
    this.addSection({
      name: 'queue',
      label: trans.__('Queue'),
      head: this.live(() => <span className="gpurun-count">{model.queue.length || ''}</span>),
      body: this.live(() => <QueueList model={model} {...actions} />)
    });
    this.addSection({
      name: 'runs',
      label: trans.__('Runs'),
      body: this.live(() => <RunsList model={model} most={settings.values.runs} buttons={buttons()} {...actions} />)
    });
  }

  /** Show the sections that a person wants, in their order. */
  private placeSections(): void {
    const hidden = this.settings.values.hiddenSections;
    const wanted = this.sections.filter(({ name }) => !hidden.includes(name)).map(({ widget }) => widget);
    for (const widget of [...this.widgets]) {
      if (!wanted.includes(widget as PanelWithToolbar)) {
        widget.parent = null; // not disposed: a person may want it back
      }
    }
    wanted.forEach((widget, index) => {
      if (this.widgets[index] !== widget) {
        this.insertWidget(index, widget);
      }
    });
  }

  /** Give each section the height that it needs and RUNS the rest, until a person has dragged a border. */
  private share(): void {
    const { model } = this;
    const devices = model.agents.reduce((sum, agent) => sum + agent.devices.length, 0);
    const models = this.node.querySelectorAll('.gpurun-model, .gpurun-models .gpurun-empty').length;
    const needs = `${devices}, ${Math.min(model.queue.length, MOST_QUEUE_ROWS)}, ${models}, ${this.widgets.length}`;
    if (!this.arranged && this.isVisible && model.loaded.devices && model.loaded.runs && needs !== this.needs) {
      this.needs = needs;
      requestAnimationFrame(() => this.shareRoom());
    }
  }

  private shareRoom(tries = 20): void {
    const heights = [...this.widgets].map(widget => heightOf(widget.node));
    const rows = this.node.querySelectorAll('.gpurun-queue .gpurun-run').length;
    if ((!heights[0] || rows !== this.model.queue.length) && tries) {
      requestAnimationFrame(() => this.shareRoom(tries - 1)); // React draws when it likes
      return;
    }
    const room = Math.max(1, this.content.node.offsetHeight - heights.length * TITLE_HEIGHT);
    const shares = heights.map(height => Math.min(0.35, Math.max(LEAST_SHARE, (height + 8) / room)));
    const runs = this.widgets.findIndex(widget => widget.title.label === this.options.trans.__('Runs'));
    if (runs >= 0) {
      shares[runs] = Math.max(LEAST_SHARE, 1 - shares.reduce((sum, share, i) => (i === runs ? sum : sum + share), 0));
    }
    (this.content as AccordionPanel).setRelativeSizes(shares);
  }

  /** A widget that draws `render()` whenever the model or the settings changed. */
  private live(render: () => JSX.Element): Widget {
    const { model, settings } = this.options;
    return ReactWidget.create(
      <UseSignal signal={model.changed}>{() => <UseSignal signal={settings.changed}>{() => render()}</UseSignal>}</UseSignal>
    );
  }
}

/** What the content of a section would take. */
function heightOf(node: HTMLElement): number {
  return [...node.querySelectorAll<HTMLElement>('.gpurun-devices, .gpurun-queue, .gpurun-models .gpurun-list, .gpurun-empty')].reduce(
    (sum, part) => Math.max(sum, part.offsetHeight),
    0
  );
}

function Head({ model, trans, buttons }: PanelOptions): JSX.Element {
  const { onNew, onSettings } = buttons();
  return (
    <>
      <div className="gpurun-panel-head">
        <h2>{trans.__('GPU runs')}</h2>
        <div className="gpurun-panel-buttons">
          {onNew && <HeadButton icon={addIcon} words={trans.__('New run')} onClick={onNew} />}
          <HeadButton icon={refreshIcon} words={trans.__('Ask the server again')} onClick={() => model.server.live.reconnect()} />
          {onSettings && <HeadButton icon={settingsIcon} words={trans.__('Settings')} onClick={onSettings} />}
        </div>
      </div>
      <div className="gpurun-trouble" role="status">
        {model.trouble && <Glyph name="warning" />}
        {model.trouble}
      </div>
    </>
  );
}

function HeadButton({ icon, words, onClick }: { icon: LabIcon; words: string; onClick: () => void }): JSX.Element {
  return (
    <button type="button" className="gpurun-head-button" title={words} aria-label={words} onClick={onClick}>
      <icon.react tag="span" elementPosition="center" width="16px" height="16px" />
    </button>
  );
}
