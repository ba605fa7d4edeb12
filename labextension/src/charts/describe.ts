/** Curves in words, for who cannot see them. */
import * as format from '../look/format';
import type { Translate } from '../look/words';
import type { Series } from './align';
import { breakOf } from './breaks';

const MOST_DESCRIBED = 8;

/** What a chart shows. */
export function describeChart(title: string, series: readonly Series[], trans: Translate): string {
  const said = series.slice(0, MOST_DESCRIBED).map(one => describeSeries(one, trans));
  const more = series.length - said.length;
  const rest = more > 0 ? [trans._n('and %2 more curve', 'and %2 more curves', more, more)] : [];
  return [`${title}.`, ...said, ...rest].join(' ');
}

/** What a curve does, in a sentence. */
export function describeSeries(one: Series, trans: Translate): string {
  const mark = breakOf(one);
  const broken = mark ? [trans.__('%1 from %2 on.', mark.word, format.count(mark.x))] : [];
  return [describeFinite(one, trans), ...broken].join(' ');
}

function describeFinite({ label, y }: Series, trans: Translate): string {
  const values = Array.from(y).filter((value): value is number => value !== null && Number.isFinite(value));
  if (!values.length) {
    return trans.__('%1: no values.', label);
  }
  // not Math.min(...values): there may be more of them than a call takes arguments
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const [first, last, lowest, highest] = [values[0], values[values.length - 1], low, high].map(format.value);
  return trans.__('%1: from %2 to %3, lowest %4, highest %5.', label, first, last, lowest, highest);
}
