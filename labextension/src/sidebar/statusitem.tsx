/** The item in the status bar: how many devices are busy and how many runs wait. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';
import { gpuIcon } from '../look/icons';
import type { Translate } from '../look/words';
import type { Stop } from '../server/live';
import { loadWords } from './loadwords';
import type { PanelModel } from './panelmodel';

export class StatusItem extends ReactWidget {
  private unwatch: Stop | null = null;

  constructor(
    private model: PanelModel,
    private trans: Translate,
    private onClick: () => void
  ) {
    super();
    this.addClass('gpurun-status');
    this.addClass('jp-mod-highlighted');
  }

  render(): JSX.Element {
    return <UseSignal signal={this.model.changed}>{() => this.draw()}</UseSignal>;
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.unwatch ??= this.model.watch();
  }

  protected onBeforeDetach(message: Message): void {
    this.unwatch?.();
    this.unwatch = null;
    super.onBeforeDetach(message);
  }

  private draw(): JSX.Element {
    const { model, trans } = this;
    const words = model.trouble ? trans.__('not connected') : model.loaded.devices ? loadWords(model, trans) : '';
    return (
      <button type="button" title={model.trouble || trans.__('Show GPU Runs')} onClick={this.onClick} hidden={!words}>
        <gpuIcon.react tag="span" elementPosition="center" width="16px" height="16px" />
        <span className="jp-StatusBar-TextItem">{words}</span>
      </button>
    );
  }
}
