/** The table of a model's versions. */
import React from 'react';
import * as format from '../look/format';
import type { Translate } from '../look/words';
import { MenuButton } from '../look/menubutton';
import type { Model, ModelVersion } from './types';
import { sizeWords } from './words';

const MOST_METRICS = 4;

export interface VersionsTableProps {
  model: Model;
  /** The version that is shown in full. */
  open: number;
  /** Those that are compared. */
  chosen: readonly number[];
  trans: Translate;
  onOpen: (version: number) => void;
  onChoose: (version: number, on: boolean) => void;
}

export function VersionsTable(props: VersionsTableProps): JSX.Element {
  const { model, trans } = props;
  const metrics = [...new Set(model.versions.flatMap(version => Object.keys(version.metrics)))].slice(0, MOST_METRICS);
  return (
    <div className="gpurun-versions" role="region" tabIndex={0} aria-label={trans.__('Versions of %1', model.name)}>
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('Compare')}</th>
            <th scope="col">{trans.__('Version')}</th>
            <th scope="col">{trans.__('Aliases')}</th>
            <th scope="col">{trans.__('Status')}</th>
            {metrics.map(metric => (
              <th key={metric} scope="col" className="gpurun-number">
                {metric}
              </th>
            ))}
            <th scope="col" className="gpurun-number">{trans.__('Size')}</th>
            <th scope="col">{trans.__('Run')}</th>
            <th scope="col">{trans.__('Registered')}</th>
            <th scope="col">
              <span className="gpurun-unseen">{trans.__('More')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {model.versions.map(version => (
            <VersionRow key={version.version} version={version} metrics={metrics} {...props} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function VersionRow(props: VersionsTableProps & { version: ModelVersion; metrics: string[] }): JSX.Element {
  const { version, metrics, open, chosen, trans, onOpen, onChoose } = props;
  const number = version.version;
  return (
    <tr
      className="gpurun-version"
      data-model={version.name}
      data-version={number}
      data-status={version.status}
      aria-current={number === open ? 'true' : undefined}
    >
      <td>
        <input
          type="checkbox"
          aria-label={trans.__('Compare v%1', number)}
          checked={chosen.includes(number)}
          onChange={event => onChoose(number, event.target.checked)}
        />
      </td>
      <th scope="row">
        <button type="button" className="gpurun-version-open" onClick={() => onOpen(number)}>
          v{number}
        </button>
      </th>
      <td>
        {version.aliases.map(alias => (
          <span key={alias} className="gpurun-alias">
            {alias}
          </span>
        ))}
      </td>
      <td>{version.status === 'archived' ? trans.__('archived') : trans.__('ready')}</td>
      {metrics.map(metric => (
        <td key={metric} className="gpurun-number">
          {metric in version.metrics ? format.value(version.metrics[metric]) : ''}
        </td>
      ))}
      <td className="gpurun-number">{sizeWords(version.size_bytes)}</td>
      <td>{version.run_name ?? ''}</td>
      <td title={new Date(version.created_at * 1000).toLocaleString()}>
        {format.ago(Date.now() / 1000 - version.created_at, trans)}
      </td>
      <td>
        <MenuButton label={trans.__('More for v%1', number)} />
      </td>
    </tr>
  );
}
