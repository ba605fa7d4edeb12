/** One version in full: what is said of it, its files to download, the run that it came from. */
import { showErrorMessage } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';
import * as format from '../look/format';
import { dots } from '../look/sentences';
import type { Translate } from '../look/words';
import { askUntil } from './form';
import type { ModelRegistry } from './registry';
import type { ModelVersion } from './types';
import { sizeWords } from './words';

interface DetailProps {
  version: ModelVersion;
  changed: number;
  registry: ModelRegistry;
  commands: CommandRegistry;
  trans: Translate;
}

export function VersionDetail({ version, changed, registry, commands, trans }: DetailProps): JSX.Element {
  const { full, trouble } = useFull(registry, version, changed);
  const describe = () => void askToDescribe(version, registry, trans);
  const openRun = () => void commands.execute('gpurun:open-run', { run: version.run_id });
  return (
    <section className="gpurun-version-detail" aria-label={trans.__('Version %1', version.version)}>
      <h2>
        {version.name} v{version.version}
      </h2>
      <p>
        {version.description || trans.__('No description.')}{' '}
        <button type="button" className="gpurun-text-button" onClick={describe}>
          {trans.__('Describe…')}
        </button>
      </p>
      <p>{dots(version.type, version.framework, ...version.tags.map(tag => `#${tag}`))}</p>
      {version.run_id && (
        <p>
          <button type="button" className="gpurun-text-button" onClick={openRun} disabled={!commands.hasCommand('gpurun:open-run')}>
            {trans.__('From the run %1', version.run_name ?? version.run_id)}
          </button>
        </p>
      )}
      <p className="gpurun-form-trouble" role="status">{trouble}</p>
      <div className="gpurun-modelfacts">
        <Facts title={trans.__('Metrics')} rows={Object.entries(version.metrics).map(([name, x]) => [name, format.value(x)])} />
        <Facts title={trans.__('Parameters')} rows={Object.entries(version.parameters)} />
        <Files version={full ?? version} registry={registry} trans={trans} />
      </div>
    </section>
  );
}

function Facts({ title, rows }: { title: string; rows: [string, string][] }): JSX.Element | null {
  if (!rows.length) {
    return null;
  }
  return (
    <table>
      <caption>{title}</caption>
      <tbody>
        {rows.map(([name, text]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Files({ version, registry, trans }: Pick<DetailProps, 'version' | 'registry' | 'trans'>): JSX.Element {
  const url = (path?: string) => registry.downloadUrl(version.name, version.version, path);
  const save = (event: React.MouseEvent<HTMLAnchorElement>) => void saveChecked(event, version, registry, trans);
  return (
    <table>
      <caption>
        {trans.__('Files')}{' '}
        <a className="gpurun-text-button" href={url()} download onClick={save}>
          {trans.__('All as a zip')}
        </a>
      </caption>
      <tbody>
        {(version.files ?? []).map(file => (
          <tr key={file.path}>
            <th scope="row">
              <a className="gpurun-text-button" href={url(file.path)} download onClick={save} title={`sha256 ${file.digest}`}>
                {file.path}
              </a>
            </th>
            <td>{sizeWords(file.size_bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Have the bytes looked through first: a browser shows no sentence of a download that is refused. */
async function saveChecked(
  event: React.MouseEvent<HTMLAnchorElement>,
  version: ModelVersion,
  registry: ModelRegistry,
  trans: Translate
): Promise<void> {
  const link = event.currentTarget; // null after an await
  if (link.dataset.checked) {
    delete link.dataset.checked;
    return;
  }
  event.preventDefault();
  try {
    await registry.verify(version.name, version.version);
    link.dataset.checked = 'true';
    link.click();
  } catch (error) {
    await showErrorMessage(trans.__('It was not downloaded'), error as Error);
  }
}

async function askToDescribe(version: ModelVersion, registry: ModelRegistry, trans: Translate): Promise<void> {
  const title = trans.__('Describe %1 v%2', version.name, version.version);
  const fields = [{ name: 'description', label: trans.__('Description'), value: version.description }];
  await askUntil({ title, fields, accept: trans.__('Save'), trans }, ({ description }) =>
    registry.change(version.name, version.version, { description })
  );
}

/** The version with its files. */
function useFull(registry: ModelRegistry, { name, version }: ModelVersion, changed: number): { full: ModelVersion | null; trouble: string } {
  const [state, setState] = React.useState<{ full: ModelVersion | null; trouble: string }>({ full: null, trouble: '' });
  React.useEffect(() => {
    let gone = false;
    registry.version(name, version).then(
      full => gone || setState({ full, trouble: '' }),
      error => gone || setState({ full: null, trouble: error.message })
    );
    return () => {
      gone = true;
    };
  }, [registry, name, version, changed]);
  return state.full && state.full.version !== version ? { full: null, trouble: '' } : state; // that of the version before, until the effect has run
}
