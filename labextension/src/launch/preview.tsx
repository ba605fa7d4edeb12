/** What a launch file will do, beside the text: problems, or runs, files and where they start; and the buttons. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import { about } from '../look/format';
import type { Translate } from '../look/words';
import type { LaunchModel } from './launchmodel';
import { written } from './text';
import type { Combination, Launched, Preview } from './types';

const ROWS = 100; // of the table; the count says how many there are

export interface PreviewOptions {
  model: LaunchModel;
  trans: Translate;
  /** Show runs that were queued. */
  open: (launched: Launched) => void;
}

export class LaunchPreview extends ReactWidget {
  constructor(private options: PreviewOptions) {
    super();
    this.addClass('gpurun-launch-preview');
  }

  protected render(): JSX.Element {
    const { model } = this.options;
    return <UseSignal signal={model.changed}>{() => <Pane {...this.options} />}</UseSignal>;
  }
}

function Pane(props: PreviewOptions): JSX.Element {
  const { model, trans } = props;
  const { preview } = model;
  return (
    <>
      <div className="gpurun-launch-told" aria-busy={!model.isFresh} tabIndex={0} role="region" aria-label={trans.__('What will happen')}>
        {preview?.problems.length ? <Problems {...props} /> : preview && <Plan preview={preview} trans={trans} />}
      </div>
      <Foot {...props} />
    </>
  );
}

function Problems({ model, trans }: PreviewOptions): JSX.Element {
  const problems = model.preview?.problems ?? [];
  return (
    <section>
      <h2>{trans._n('%1 problem', '%1 problems', problems.length)}</h2>
      <ul className="gpurun-launch-problems">
        {problems.map(({ line, column, message, hint }) => (
          <li key={`${line}:${column}:${message}`}>
            <button type="button" className="gpurun-launch-place" onClick={() => model.jump(line, column)}>
              {trans.__('Line %1, column %2', line, column)}
            </button>
            <span className="gpurun-launch-wrong">{message}</span> <span>{hint}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Plan({ preview, trans }: { preview: Preview; trans: Translate }): JSX.Element {
  const [first] = preview.combinations;
  return (
    <>
      <section>
        <h2>{trans._n('%1 run', '%1 runs', preview.count)}</h2>
        <dl className="gpurun-launch-facts">
          <dt>{preview.count > 1 ? trans.__('First') : trans.__('Runs')}</dt>
          <dd>
            <code>{first?.command}</code>
          </dd>
          <dt>{trans.__('Starts')}</dt>
          <dd>{first && startWords(first, trans)}</dd>
          <Files files={preview.files} trans={trans} />
        </dl>
      </section>
      {preview.sweep !== null && <Table preview={preview} trans={trans} />}
    </>
  );
}

function Files({ files, trans }: { files: Preview['files']; trans: Translate }): JSX.Element | null {
  if (!files) {
    return null;
  }
  return (
    <>
      <dt>{trans.__('Ships')}</dt>
      <dd>
        {trans._n('%1 file', '%1 files', files.files)}, {bytes(files.size_bytes)}, {trans.__('of %1', files.root)}
        {files.left_out.length > 0 && (
          <details>
            <summary>{trans.__('What is left out')}</summary>
            <ul>
              {files.left_out.map(line => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          </details>
        )}
      </dd>
    </>
  );
}

function Table({ preview, trans }: { preview: Preview; trans: Translate }): JSX.Element {
  const names = Object.keys(preview.combinations[0]?.values ?? {});
  const more = preview.count - ROWS;
  return (
    <section>
      <table className="gpurun-launch-table">
        <caption>{trans.__('The runs of %1', preview.sweep)}</caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('Run')}</th>
            {names.map(name => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
            <th scope="col">{trans.__('Starts')}</th>
          </tr>
        </thead>
        <tbody>
          {preview.combinations.slice(0, ROWS).map(one => (
            <tr key={one.name} title={one.command}>
              <th scope="row">{one.name.slice(one.name.lastIndexOf('/') + 1)}</th>
              {names.map(name => (
                <td key={name}>{written(one.values[name])}</td>
              ))}
              <td>{shortStart(one, trans)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p className="gpurun-launch-note">{trans.__('and %1 more', more)}</p>}
    </section>
  );
}

function Foot({ model, trans, open }: PreviewOptions): JSX.Element {
  const { launched } = model;
  return (
    <div className="gpurun-launch-foot">
      <div className="gpurun-launch-status" role="status" data-error={!!model.error || undefined}>
        {model.error || (launched && launchedWords(launched, trans))}
        {launched && (
          <button type="button" className="gpurun-launch-place" onClick={() => open(launched)}>
            {launched.runs.length > 1 ? trans.__('Show the runs') : trans.__('Show the run')}
          </button>
        )}
      </div>
      <button
        type="button"
        className="jp-Dialog-button jp-mod-accept jp-mod-styled"
        disabled={!model.canLaunch}
        onClick={() => void model.launch(false)}
      >
        {trans.__('Add to Queue')}
      </button>
      <button
        type="button"
        className="jp-Dialog-button jp-mod-reject jp-mod-styled"
        disabled={!model.canLaunch}
        title={trans.__('Ahead of your other runs that wait')}
        onClick={() => void model.launch(true)}
      >
        {trans.__('Run Now')}
      </button>
    </div>
  );
}

function launchedWords({ sweep, runs }: Launched, trans: Translate): string {
  return sweep === null
    ? trans.__('%1 is in the queue.', runs[0]?.name)
    : trans._n('%1 run of %2 is in the queue.', '%1 runs of %2 are in the queue.', runs.length, sweep);
}

function startWords({ starts }: Combination, trans: Translate): string {
  return starts ? [starts.why, when(starts.starts_in_s, trans)].filter(part => part).join(', ') : trans.__('when it is started');
}

function shortStart({ starts }: Combination, trans: Translate): string {
  if (!starts) {
    return trans.__('held');
  }
  return starts.starts_in_s === 0 ? trans.__('now') : when(starts.starts_in_s, trans) || trans.__('waits, place %1', starts.position);
}

function when(seconds: number | null | undefined, trans: Translate): string {
  return seconds ? trans.__('in about %1', about(seconds, trans)) : '';
}

function bytes(size: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  const unit = Math.min(units.length - 1, size < 1 ? 0 : Math.floor(Math.log2(size) / 10));
  const amount = size / 2 ** (10 * unit);
  return `${unit && amount < 100 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}
