/** What the overview shows: read again every few seconds, and when a run has changed its state, while it is in sight. */
import { ISignal, Signal } from '@lumino/signaling';
import type { Stop } from '../server/live';
import type { PanelModel } from '../sidebar/panelmodel';
import type { Settings } from '../sidebar/settings';
import { Overview, readOverview } from './answers';

export type Span = 'hour' | 'day' | 'week';

export const SPAN_S: Record<Span, number> = { hour: 3600, day: 86400, week: 7 * 86400 };

const PARTS = 60;
const SOON_MS = 1000; // after a change of state; many changes are one reading

export class OverviewModel {
  overview: Overview | null = null;
  span: Span = 'hour';
  /** A sentence where the server could not be asked. */
  trouble = '';
  private signal = new Signal<this, void>(this);
  private timer = 0;
  private states = '';
  private unwatch: Stop | null = null;

  constructor(
    readonly live: PanelModel,
    private settings: Settings
  ) {}

  get changed(): ISignal<this, void> {
    return this.signal;
  }

  start(): void {
    if (!this.unwatch) {
      this.unwatch = this.live.watch();
      this.live.changed.connect(this.liveChanged);
      void this.read();
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    this.live.changed.disconnect(this.liveChanged);
    this.unwatch?.();
    this.unwatch = null;
  }

  show(span: Span): void {
    this.span = span;
    this.signal.emit();
    void this.read();
  }

  /** Ask now, and again after a while. */
  async read(): Promise<void> {
    const { span } = this;
    this.readIn(1000 * this.settings.values.overviewSeconds); // before the question, so that one that fails is asked again, too
    try {
      const found = await readOverview(this.live.server.api, Date.now() / 1000 - SPAN_S[span], PARTS);
      if (span !== this.span) {
        return; // what was asked for meanwhile is on its way
      }
      this.overview = found;
      this.trouble = '';
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    }
    this.signal.emit();
  }

  private readIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.read(), ms);
  }

  private liveChanged = (): void => {
    const states = this.live.runs.map(run => `${run.id}${run.state}`).join();
    if (states !== this.states) {
      this.states = states;
      this.readIn(SOON_MS);
    }
    this.signal.emit();
  };
}
