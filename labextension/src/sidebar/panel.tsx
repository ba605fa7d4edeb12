/** The sidebar: a head, DEVICES and RUNS. It watches the server only while it is in sight. */
import { PanelWithToolbar, ReactWidget, SidePanel, UseSignal } from '@jupyterlab/ui-components';
import { ITranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { AccordionPanel, Widget } from '@lumino/widgets';
import React from 'react';
import { busyWords, DevicesList } from './deviceslist';
import { gpuIcon } from '../look/icons';
import { PanelModel } from './panelmodel';
import { Glyph } from './panelparts';
import { RunsList } from './runslist';
import type { ISidebar, Section } from './sidebar';
import { addStylesheet } from '../look/stylesheet';
import type { Run } from '../server/types';
import type { Translate } from '../look/words';

export const PANEL_ID = 'gpurun-panel';

const TITLE_HEIGHT = 32; // pixels, of a section in JupyterLab's accordion

export interface PanelOptions {
  model: PanelModel;
  translator: ITranslator;
  trans: Translate;
  openRun: (id: string) => void;
  stopRun: (run: Run) => void;
}

export class RunsPanel extends SidePanel implements ISidebar {
  constructor(private options: PanelOptions) {
    super({ translator: options.translator });
    const { model, trans, openRun, stopRun } = options;
    this.id = PANEL_ID;
    this.addClass('gpurun-panel');
    this.title.icon = gpuIcon;
    this.title.caption = trans.__('GPU runs');
    this.header.addWidget(live(model, () => <Head model={model} trans={trans} />));

    const devices = section(
      trans.__('Devices'),
      live(model, () => <DevicesList agents={model.agents} loaded={model.loaded.devices} trans={trans} onOpen={openRun} />)
    );
    const busy = live(model, () => <span className="gpurun-busy">{busyWords(model.agents, trans)}</span>);
    devices.toolbar.addItem('busy', busy);
    const runs = section(
      trans.__('Runs'),
      live(model, () => (
        <RunsList
          runs={model.runs}
          loaded={model.loaded.runs}
          trans={trans}
          onOpen={run => openRun(run.id)}
          onStop={stopRun}
        />
      ))
    );
    this.addWidget(devices);
    this.addWidget(runs);
    addStylesheet(this.node);
    model.changed.connect(this.shareOnce, this);
  }

  addSection({ label, body, head }: Section): PanelWithToolbar {
    const made = section(label, body);
    if (head) {
      made.toolbar.addItem('head', head);
    }
    this.addWidget(made);
    return made;
  }

  /** At first, give DEVICES the height that it needs and RUNS the rest; from then on a person drags the border. */
  private shareOnce(): void {
    if (this.options.model.loaded.devices) {
      this.options.model.changed.disconnect(this.shareOnce, this);
      requestAnimationFrame(() => this.shareRoom());
    }
  }

  private shareRoom(tries = 20): void {
    const needed = this.node.querySelector<HTMLElement>('.gpurun-devices')?.offsetHeight ?? 0;
    if (!needed && tries) {
      requestAnimationFrame(() => this.shareRoom(tries - 1)); // React draws when it likes
      return;
    }
    const others = this.content.widgets.length - 1;
    const room = Math.max(1, this.content.node.offsetHeight - (others + 1) * TITLE_HEIGHT);
    const share = Math.min(0.5, Math.max(0.15, (needed + 8) / room));
    (this.content as AccordionPanel).setRelativeSizes([share, ...new Array<number>(others).fill((1 - share) / others)]);
  }

  dispose(): void {
    this.options.model.dispose();
    super.dispose();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.options.model.start();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.options.model.start();
    }
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.options.model.stop();
  }
}

function Head({ model, trans }: { model: PanelModel; trans: Translate }): JSX.Element {
  const refresh = trans.__('Ask the server again');
  return (
    <>
      <div className="gpurun-panel-head">
        <h2>{trans.__('GPU runs')}</h2>
        <button
          type="button"
          className="gpurun-refresh"
          title={refresh}
          aria-label={refresh}
          onClick={() => model.server.live.reconnect()}
        >
          <Glyph name="refresh" />
        </button>
      </div>
      <div className="gpurun-trouble" role="status">
        {model.trouble && <Glyph name="warning" />}
        {model.trouble}
      </div>
    </>
  );
}

/** A widget that draws `render()` whenever the model changed. */
function live(model: PanelModel, render: () => JSX.Element): Widget {
  return ReactWidget.create(<UseSignal signal={model.changed}>{() => render()}</UseSignal>);
}

function section(label: string, body: Widget): PanelWithToolbar {
  const made = new PanelWithToolbar();
  made.addClass('gpurun-section');
  made.title.label = label;
  made.addWidget(body);
  return made;
}
