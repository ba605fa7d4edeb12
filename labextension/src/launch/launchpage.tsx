/** The Launch page: left the YAML or the form, right what will happen. */
import type { IEditorServices } from '@jupyterlab/codeeditor';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget, ToolbarButton, UseSignal } from '@jupyterlab/ui-components';
import { folderIcon, saveIcon } from '@jupyterlab/ui-components';
import { PathExt } from '@jupyterlab/coreutils';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Panel } from '@lumino/widgets';
import React from 'react';
import { gpuIcon } from '../look/icons';
import type { Translate } from '../look/words';
import { LaunchEditor } from './editor';
import { LaunchForm } from './form';
import type { LaunchModel } from './launchmodel';
import { LaunchPreview } from './preview';
import type { Launched } from './types';

export interface LaunchPageOptions {
  model: LaunchModel;
  id: string;
  editors: IEditorServices;
  trans: Translate;
  open: (launched: Launched) => void;
}

/** What the buttons above the page do. */
export interface FileActions {
  openFile: () => void;
  saveFile: () => void;
}

type Side = 'yaml' | 'form';

/** What a Launch page shows, of a document or of a text without a file. */
export class LaunchContent extends Panel {
  readonly sideChanged = new Signal<this, void>(this);
  private editor: LaunchEditor;
  private form: LaunchForm;
  private shown: Side = 'yaml';

  constructor(readonly options: LaunchPageOptions) {
    super();
    const { model, trans } = options;
    this.addClass('gpurun-launch');
    this.id = options.id;
    this.title.icon = gpuIcon;
    this.title.closable = true;
    this.editor = new LaunchEditor(model, options.editors, trans.__('Launch file'));
    this.form = new LaunchForm(model, trans);
    const left = new Panel();
    left.addClass('gpurun-launch-left');
    left.addWidget(new Sides(this, trans));
    left.addWidget(this.editor);
    left.addWidget(this.form);
    const panes = new Panel();
    panes.addClass('gpurun-launch-panes');
    panes.addWidget(left);
    panes.addWidget(new LaunchPreview(options));
    this.addWidget(panes);
    this.form.hide();
    this.describe();
  }

  get model(): LaunchModel {
    return this.options.model;
  }

  get side(): Side {
    return this.shown;
  }

  set side(side: Side) {
    this.shown = side;
    this.editor.setHidden(side !== 'yaml');
    this.form.setHidden(side !== 'form');
    this.sideChanged.emit();
  }

  /** Say in the tab which file this is. */
  describe(): void {
    const { path } = this.model;
    this.title.label = path ? PathExt.basename(path) : this.options.trans.__('Launch');
    this.title.caption = path || this.options.trans.__('A launch file that is not saved');
  }

  dispose(): void {
    if (!this.isDisposed) {
      super.dispose();
      this.model.dispose(); // last: the editor stands on it
    }
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    if (this.side === 'yaml') {
      this.editor.focus();
    } else {
      this.form.node.querySelector('input')?.focus();
    }
  }

  protected onAfterShow(): void {
    void this.model.check(); // the queue has moved on
  }
}

/** The switch between YAML and form: two tabs, as the arrow keys have it. */
class Sides extends ReactWidget {
  constructor(
    private content: LaunchContent,
    private trans: Translate
  ) {
    super();
    this.addClass('gpurun-launch-sides');
  }

  protected render(): JSX.Element {
    return <UseSignal signal={this.content.sideChanged}>{() => this.tabs()}</UseSignal>;
  }

  private tabs(): JSX.Element {
    const tab = (side: Side, label: string) => (
      <button
        type="button"
        role="tab"
        aria-selected={this.content.side === side}
        tabIndex={this.content.side === side ? 0 : -1}
        onClick={() => (this.content.side = side)}
      >
        {label}
      </button>
    );
    return (
      <div role="tablist" aria-label={this.trans.__('How to write it')} onKeyDown={event => this.turn(event)}>
        {tab('yaml', this.trans.__('YAML'))}
        {tab('form', this.trans.__('Form'))}
      </div>
    );
  }

  private turn(event: React.KeyboardEvent): void {
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      this.content.side = this.content.side === 'yaml' ? 'form' : 'yaml';
      const next = [...this.node.querySelectorAll<HTMLElement>('[role=tab]')].find(tab => tab !== document.activeElement);
      next?.focus();
    }
  }
}

export type LaunchPage = MainAreaWidget<LaunchContent>;

/** A Launch page, to be added to the main area. */
export function makeLaunchPage(options: LaunchPageOptions, actions: FileActions): LaunchPage {
  const { trans } = options;
  const page = new MainAreaWidget({ content: new LaunchContent(options) });
  page.toolbar.addClass('gpurun-tools');
  const button = (label: string, icon: typeof saveIcon, onClick: () => void) => new ToolbarButton({ label, icon, onClick });
  page.toolbar.addItem('open', button(trans.__('Open…'), folderIcon, actions.openFile));
  page.toolbar.addItem('save', button(trans.__('Save…'), saveIcon, actions.saveFile));
  return page;
}
