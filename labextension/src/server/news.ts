/**
 * What the log tells of a run beside its output: progress, metrics, samples, checkpoints. The server keeps a run's progress
 * at most once a second; whoever follows the log knows it ten times sooner, and the bars move smoothly.
 */
import { Curve } from './curve';
import type { Bar, Before, Checkpoint, Event, Facts, Measured, MetricSummary, Run, Sample } from './types';

export class News {
  private bars = new Map<string, Bar>();
  private values = new Map<string, Measured>();
  private curves = new Map<string, Curve>();
  private sample: Sample | null = null;
  private checkpoints = 0;
  private checkpoint: Checkpoint | null = null;
  private restarted = false;

  /** Take events; says whether there was news in them. */
  take(events: readonly Event[]): boolean {
    return events.reduce((some, event) => this.takeOne(event) || some, false);
  }

  /** What the log says before the events that were taken. */
  takeBefore(before: Before): void {
    this.checkpoints += before.checkpoints ?? 0;
    this.checkpoint ??= before.checkpoint ?? null; // one that has come since is newer
    if (!this.restarted) { // else they are of another attempt
      for (const [name, curve] of Object.entries(before.curves ?? {})) {
        this.curves.set(name, (this.curves.get(name) ?? new Curve()).after(curve));
      }
    }
  }

  get facts(): Facts {
    const curves = Object.fromEntries([...this.curves].map(([name, curve]) => [name, curve.points]));
    return { curves, sample: this.sample, checkpoints: this.checkpoints, checkpoint: this.checkpoint };
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

  private takeOne(event: Event): boolean {
    switch (event.kind) {
      case 'start':
        this.restarted = this.restarted || event.attempt > 1;
        this.bars.clear();
        this.values.clear();
        this.curves.clear();
        return false;
      case 'progress':
        this.bars.set(event.id, event);
        return true;
      case 'metric':
        event.anew?.forEach(name => this.curves.delete(name)); // a better source of it has come
        Object.entries(event.values).forEach(([name, value]) => this.takeValue(name, value));
        return true;
      case 'sample':
        this.sample = event;
        return true;
      case 'checkpoint':
        this.checkpoints++;
        this.checkpoint = event;
        return true;
      default:
        return false;
    }
  }

  private takeValue(name: string, value: Measured): void {
    this.values.set(name, value);
    const curve = this.curves.get(name) ?? new Curve();
    this.curves.set(name, curve);
    curve.add(value);
  }
}
