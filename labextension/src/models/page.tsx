/** A model in a tab of the main area: its versions, one of them in full, two of them beside each other. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';
import { gpuIcon } from '../look/icons';
import { dots } from '../look/sentences';
import type { Translate } from '../look/words';
import { ComparisonView } from './comparison';
import { VersionDetail } from './detail';
import { ModelCommands } from './ids';
import type { ModelRegistry } from './registry';
import type { Comparison, Model } from './types';
import { VersionsTable } from './versions';

export interface ModelPageOptions {
  name: string;
  registry: ModelRegistry;
  commands: CommandRegistry;
  trans: Translate;
}

class ModelContent extends ReactWidget {
  readonly name: string;

  constructor(private options: ModelPageOptions) {
    super();
    this.name = options.name;
    this.addClass('gpurun-modelpage');
    this.title.label = options.name;
    this.title.caption = options.trans.__('Model %1', options.name);
    this.title.icon = gpuIcon;
    this.title.closable = true;
  }

  render(): JSX.Element {
    return <Page {...this.options} />;
  }

  protected onActivateRequest(): void {
    this.node.querySelector<HTMLElement>('.gpurun-version-open')?.focus();
  }
}

export type ModelPage = MainAreaWidget<ModelContent>;

/** The page of a model, to be added to the main area. */
export function makeModelPage(options: ModelPageOptions): ModelPage {
  const page = new MainAreaWidget({ content: new ModelContent(options) });
  page.id = `gpurun-model-${options.name}`;
  page.toolbar.hide();
  return page;
}

function Page(options: ModelPageOptions): JSX.Element {
  const { registry, commands, trans, name } = options;
  const { model, trouble } = useModel(registry, name);
  const [open, setOpen] = React.useState<number | null>(null);
  const [chosen, setChosen] = React.useState<readonly number[]>([]);
  const there = chosen.filter(version => model?.versions.some(one => one.version === version));
  const comparison = useComparison(registry, name, there, model?.updated_at);
  if (!model) {
    return <p className="gpurun-empty" role="status">{trouble}</p>;
  }
  const shown = model.versions.find(one => one.version === open) ?? model.versions[0];
  const choose = (version: number, on: boolean) =>
    setChosen(on ? [...there, version].slice(-2) : there.filter(one => one !== version));
  return (
    <>
      <Head model={model} trans={trans} commands={commands} />
      <p className="gpurun-form-trouble" role="status">{trouble}</p>
      <VersionsTable model={model} open={shown.version} chosen={there} trans={trans} onOpen={setOpen} onChoose={choose} />
      {comparison ? (
        <ComparisonView comparison={comparison} trans={trans} onClose={() => setChosen([])} />
      ) : (
        <VersionDetail version={shown} changed={model.updated_at} {...options} />
      )}
    </>
  );
}

function Head({ model, trans, commands }: { model: Model; trans: Translate; commands: CommandRegistry }): JSX.Element {
  const facts = dots(model.type, model.framework, trans._n('%1 version', '%1 versions', model.versions.length));
  const button = (label: string, command: string, args = {}) => (
    <button type="button" className="jp-mod-styled jp-mod-reject" onClick={() => void commands.execute(command, { name: model.name, ...args })}>
      {label}
    </button>
  );
  return (
    <header className="gpurun-modelpage-head">
      <div>
        <h1>{model.name}</h1>
        <p>{facts}</p>
      </div>
      <div className="gpurun-modelpage-buttons">
        {button(trans.__('Register New Version…'), ModelCommands.register)}
        {button(trans.__('Delete Model…'), ModelCommands.remove)}
      </div>
    </header>
  );
}

/** The model as it is now; after it was deleted, the sentence that says so. */
function useModel(registry: ModelRegistry, name: string): { model: Model | null; trouble: string } {
  const [state, setState] = React.useState<{ model: Model | null; trouble: string }>({ model: null, trouble: '' });
  React.useEffect(() => {
    let asked = 0; // an answer that a later one has overtaken is not shown
    const stop = registry.watch(() => {
      const number = ++asked;
      registry.model(name).then(
        model => number === asked && setState({ model, trouble: '' }),
        error =>
          // in an outage, what is known stays
          number === asked && setState(({ model }) => ({ model: error.status === 404 ? null : model, trouble: error.message }))
      );
    });
    return () => {
      asked = -1; // the number of no answer
      stop();
    };
  }, [registry, name]);
  return state;
}

/** Two versions beside each other, where two are chosen: the older one first. */
function useComparison(registry: ModelRegistry, name: string, chosen: readonly number[], changed?: number): Comparison | null {
  const [found, setFound] = React.useState<Comparison | null>(null);
  const [a, b] = [...chosen].sort((x, y) => x - y);
  React.useEffect(() => {
    let gone = false;
    if (a === undefined || b === undefined) {
      setFound(null);
    } else {
      registry.compare(name, a, b).then(made => gone || setFound(made), () => gone || setFound(null));
    }
    return () => {
      gone = true;
    };
  }, [registry, name, a, b, changed]);
  return b === undefined ? null : found;
}
