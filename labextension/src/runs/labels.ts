/** What runs are called where several are drawn together: by what differs between them. */
import type { Comparison } from './query';

const MOST = 3; // parameters in a label

/** A label for each run, all of them different: its name where names differ, parameters that differ, and the id in need. */
export function labelsOf({ runs, parameters }: Comparison): string[] {
  const named = new Set(runs.map(({ name }) => name)).size > 1;
  const differing = parameters.filter(({ values }) => new Set(values).size > 1).slice(0, MOST);
  const labels = runs.map(({ name }, i) => {
    const told = differing.filter(({ values }) => values[i] !== null).map(line => `${line.name} ${line.values[i]}`);
    return [named || !told.length ? name : '', ...told].filter(part => part).join(' · ');
  });
  const counts = new Map<string, number>();
  labels.forEach(label => counts.set(label, (counts.get(label) ?? 0) + 1));
  return labels.map((label, i) => (counts.get(label)! > 1 ? `${label} (${runs[i].id})` : label));
}
