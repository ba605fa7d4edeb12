/** Metrics as the server tells them, made points of a curve. */
import type { MetricColumns } from '../server/requests';
import type { Series } from './align';
import type { XAxis } from './chart';

/** A metric over an x axis. Where the run named no step, or one for all, values are counted; x has to grow, whatever was logged. */
export function points(metric: MetricColumns, axis: XAxis): Pick<Series, 'x' | 'y'> {
  const { step, time, epoch, value, count } = metric;
  const counted = () => value.map((_, i) => (value.length > 1 ? (i * (count - 1)) / (value.length - 1) : i));
  const xs: (number | null)[] = axis === 'time' ? time : ((axis === 'epoch' ? epoch : stepsOf(step)) ?? counted());
  const pairs = xs.flatMap((x, i): [number, number][] => (x === null ? [] : [[x, Number(value[i])]]));
  if (pairs.some(([x], i) => i > 0 && x < pairs[i - 1][0])) {
    pairs.sort(([a], [b]) => a - b);
  }
  return { x: pairs.map(([x]) => x), y: pairs.map(([, y]) => y) };
}

/** Steps that tell values apart: MLflow's clients log the step 0 where the code names none. */
function stepsOf(step: MetricColumns['step']): MetricColumns['step'] {
  return step && step.length > 1 && step.every(one => one === step[0]) ? null : step;
}
