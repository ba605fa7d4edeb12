/**
 * Progress and metrics as the log tells them. The server keeps a run's progress at most once a second; whoever follows
 * the log knows it ten times sooner, and the bars move smoothly.
 */
import type { Bar, Event, MetricSummary, Run } from './types';

export class News {
  private bars = new Map<string, Bar>();
  private values = new Map<string, number>();

  /** Take events; says whether there was news in them. */
  take(events: readonly Event[]): boolean {
    let some = false;
    for (const event of events) {
      if (event.kind === 'start') {
        this.bars.clear();
        this.values.clear();
      } else if (event.kind === 'progress') {
        this.bars.set(event.id, event);
        some = true;
      } else if (event.kind === 'metric') {
        Object.entries(event.values).forEach(([name, value]) => this.values.set(name, value));
        some = true;
      }
    }
    return some;
  }

  /** The run with the news in it. Which bars and metrics there are is for the server to say. */
  addTo(run: Run): Run {
    const bars = run.progress?.bars?.map(bar => this.bars.get(bar.id) ?? bar);
    const metrics = Object.entries(run.metrics).map(([name, metric]): [string, MetricSummary] => [
      name,
      { ...metric, last: this.values.get(name) ?? metric.last }
    ]);
    return { ...run, progress: run.progress && { ...run.progress, bars }, metrics: Object.fromEntries(metrics) };
  }
}
