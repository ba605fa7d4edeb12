/** The MODELS section of the sidebar: a line for each model. It watches the registry only while it is in sight. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import React from 'react';
import { dots } from '../look/sentences';
import type { Translate } from '../look/words';
import type { Stop } from '../server/live';
import type { Section } from '../sidebar/sidebar';
import { ModelCommands } from './ids';
import { MenuButton } from '../look/menubutton';
import type { ModelRegistry } from './registry';
import type { ModelSummary } from './types';
import { hoverWords, metricWords, versionWords } from './words';

export interface ModelsSectionOptions {
  registry: ModelRegistry;
  commands: CommandRegistry;
  trans: Translate;
}

/** The section, for the sidebar to add. */
export function modelsSection(options: ModelsSectionOptions): Section {
  const body = new ModelsList(options);
  const count = ReactWidget.create(
    <UseSignal signal={body.changed}>{() => <span className="gpurun-count">{body.models?.length || ''}</span>}</UseSignal>
  );
  return { name: 'models', label: options.trans.__('Models'), body, head: count, changed: body.changed };
}

class ModelsList extends ReactWidget {
  /** null before the server has said which there are. */
  models: ModelSummary[] | null = null;
  readonly changed = new Signal<this, void>(this);
  private trouble = '';
  private asked = 0; // an answer that a later one has overtaken is not shown
  private unwatch: Stop | null = null;

  constructor(private options: ModelsSectionOptions) {
    super();
    this.addClass('gpurun-models');
  }

  render(): JSX.Element {
    return <UseSignal signal={this.changed}>{() => this.draw()}</UseSignal>;
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) { // what is attached in sight gets no after-show
      this.watch();
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.watch();
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.leave();
  }

  protected onBeforeDetach(message: Message): void {
    this.leave();
    super.onBeforeDetach(message);
  }

  private watch(): void {
    this.unwatch ??= this.options.registry.watch(() => void this.load());
  }

  private leave(): void {
    this.unwatch?.();
    this.unwatch = null;
  }

  private async load(): Promise<void> {
    const asked = ++this.asked;
    let models = this.models;
    let trouble = '';
    try {
      models = await this.options.registry.list();
    } catch (error) {
      trouble = (error as Error).message;
    }
    if (asked === this.asked) {
      [this.models, this.trouble] = [models, trouble];
      this.changed.emit();
    }
  }

  private draw(): JSX.Element {
    const { trans, commands } = this.options;
    if (!this.models) {
      return this.trouble ? <p className="gpurun-empty">{this.trouble}</p> : <div />;
    }
    if (!this.models.length) {
      return <NoModels trans={trans} onRegister={() => void commands.execute(ModelCommands.register)} />;
    }
    const open = (name: string) => void commands.execute(ModelCommands.open, { name });
    return (
      <ul className="gpurun-list" aria-label={trans.__('Models')}>
        {this.models.map(model => (
          <ModelRow key={model.name} model={model} trans={trans} onOpen={open} />
        ))}
      </ul>
    );
  }
}

function ModelRow({ model, trans, onOpen }: { model: ModelSummary; trans: Translate; onOpen: (name: string) => void }): JSX.Element {
  const versions = versionWords(model, trans);
  const metric = metricWords(model.metrics);
  return (
    <li className="gpurun-model" data-model={model.name} data-version={model.latest} data-status={model.status}>
      <button
        type="button"
        className="gpurun-model-open"
        title={hoverWords(model, Date.now() / 1000, trans)}
        aria-label={dots(model.name, versions, metric)}
        onClick={() => onOpen(model.name)}
      >
        <span className="gpurun-model-name">{model.name}</span>
        <span className="gpurun-model-detail">{dots(versions, metric)}</span>
      </button>
      <MenuButton label={trans.__('More for %1', model.name)} />
    </li>
  );
}

function NoModels({ trans, onRegister }: { trans: Translate; onRegister: () => void }): JSX.Element {
  return (
    <div className="gpurun-empty">
      <p>{trans.__('No models yet. Keep what a run has trained, in its code:')}</p>
      <p>
        <code>{'report.save_model("model.pt", acc=acc)'}</code>
      </p>
      <p>
        <button type="button" className="gpurun-text-button" onClick={onRegister}>
          {trans.__('Register a file of a run…')}
        </button>
      </p>
    </div>
  );
}
