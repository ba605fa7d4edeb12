/** How models are said in a line. */
import * as format from '../look/format';
import { dots } from '../look/sentences';
import type { Measured } from '../server/types';
import type { Translate } from '../look/words';
import type { ModelSummary } from './types';

const KB = 1024;

/** `v4 release`: the newest version and the aliases that point to it; one that was put aside says so. */
export function versionWords(model: ModelSummary, trans: Translate): string {
  const newest = Object.keys(model.aliases).filter(alias => model.aliases[alias] === model.latest);
  return [`v${model.latest}`, ...newest, ...(model.status === 'archived' ? [trans.__('archived')] : [])].join(' ');
}

/** `acc 0.971`, the metric that was named first. */
export function metricWords(metrics: Record<string, Measured>): string {
  const [first] = Object.entries(metrics);
  return first ? `${first[0]} ${format.value(first[1])}` : '';
}

/** `release v3 · dev v4`. */
export function aliasWords(aliases: Record<string, number>): string {
  return dots(...Object.entries(aliases).map(([alias, version]) => `${alias} v${version}`));
}

export function hoverWords(model: ModelSummary, now: number, trans: Translate): string {
  const versions = trans._n('%1 version', '%1 versions', model.versions);
  return [
    dots(model.name, versions),
    aliasWords(model.aliases),
    dots(model.type, model.framework),
    trans.__('changed %1', format.ago(now - model.updated_at, trans))
  ]
    .filter(line => line)
    .join('\n');
}

/** `12 B`, `3.4 KB`, `812 MB`. */
export function sizeWords(bytes: number): string {
  if (bytes < KB) {
    return `${bytes} B`;
  }
  return bytes < KB * KB ? `${(bytes / KB).toPrecision(3)} KB` : format.size(bytes);
}
