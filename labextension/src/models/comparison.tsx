/** Two versions beside each other: every metric, and what else differs. */
import React from 'react';
import * as format from '../look/format';
import type { Translate } from '../look/words';
import type { Comparison, Difference } from './types';
import { sizeWords } from './words';

const DIGEST_SHOWN = 12;

interface ComparisonProps {
  comparison: Comparison;
  trans: Translate;
  onClose: () => void;
}

export function ComparisonView({ comparison, trans, onClose }: ComparisonProps): JSX.Element {
  const { a, b, metrics, facts, parameters, files } = comparison;
  const parts: [string, Difference[]][] = [
    [trans.__('Metrics'), metrics],
    [trans.__('Parameters'), parameters],
    [trans.__('Facts'), facts],
    [trans.__('Files'), files]
  ];
  return (
    <section className="gpurun-version-detail gpurun-comparison" aria-label={trans.__('v%1 and v%2 compared', a.version, b.version)}>
      <h2>{trans.__('v%1 and v%2', a.version, b.version)}</h2>
      <p>
        <button type="button" className="gpurun-text-button" onClick={onClose}>
          {trans.__('Close')}
        </button>
      </p>
      {!files.length && <p>{trans.__('Their files are the same.')}</p>}
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col" className="gpurun-number">{`v${a.version}`}</th>
            <th scope="col" className="gpurun-number">{`v${b.version}`}</th>
            <th scope="col" className="gpurun-number">{trans.__('Difference')}</th>
          </tr>
        </thead>
        {parts.map(([title, rows]) => rows.length > 0 && <Part key={title} title={title} rows={rows} />)}
      </table>
    </section>
  );
}

function Part({ title, rows }: { title: string; rows: Difference[] }): JSX.Element {
  return (
    <tbody>
      <tr>
        <th colSpan={4} scope="rowgroup" className="gpurun-part">
          {title}
        </th>
      </tr>
      {rows.map(row => (
        <tr key={row.name}>
          <th scope="row">{row.name.replace('_bytes', '').replace(/_/g, ' ')}</th>
          <td className="gpurun-number">{said(row, row.a)}</td>
          <td className="gpurun-number">{said(row, row.b)}</td>
          <td className="gpurun-number">{change(row)}</td>
        </tr>
      ))}
    </tbody>
  );
}

function said({ name }: Difference, value: number | string | null): string {
  if (typeof value === 'number') {
    return name === 'size_bytes' ? sizeWords(value) : format.value(value);
  }
  return value === null || value === '' ? '–' : /^[0-9a-f]{64}$/.test(value) ? value.slice(0, DIGEST_SHOWN) : value;
}

function change({ name, a, b }: Difference): string {
  if (typeof a !== 'number' || typeof b !== 'number' || name === 'size_bytes') {
    return '';
  }
  return `${b > a ? '+' : ''}${format.value(b - a)}`;
}
