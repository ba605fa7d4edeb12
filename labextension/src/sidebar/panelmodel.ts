/** What the sidebar shows: runs in the order in which they are listed, agents, and how the connection is. */
import { ISignal, Signal } from '@lumino/signaling';
import { RequestError } from '../server/api';
import type { Stop } from '../server/live';
import type { IRunServer } from '../server/server';
import { Agent, Device, isLive, Run } from '../server/types';
import type { Translate } from '../look/words';

const MOST_RUNS = 200;
const REDRAW_MS = 100; // however many runs change, the panel is drawn ten times a second at most

export class PanelModel {
  agents: Agent[] = [];
  runs: Run[] = [];
  /** Whether the server has said what there is; before that, an empty list means nothing. */
  loaded = { runs: false, devices: false };
  /** A sentence where the connection is down. */
  trouble = '';
  private known = new Map<string, Run>();
  private signal = new Signal<this, void>(this);
  private stops: Stop[] = [];
  private redraw = 0;

  constructor(
    readonly server: IRunServer,
    private trans: Translate
  ) {
    server.live.linkChanged.connect(this.linkChanged);
  }

  get changed(): ISignal<this, void> {
    return this.signal;
  }

  run(id: string): Run | undefined {
    return this.known.get(id);
  }

  /** Watch, while the panel is in sight. */
  start(): void {
    if (!this.stops.length) {
      this.stops = [this.server.live.watchRuns(this.takeRuns), this.server.live.watchDevices(this.takeDevices)];
    }
  }

  stop(): void {
    this.stops.splice(0).forEach(stop => stop());
  }

  dispose(): void {
    this.stop();
    clearTimeout(this.redraw);
    this.server.live.linkChanged.disconnect(this.linkChanged);
    Signal.clearData(this);
  }

  private takeRuns = (runs: Run[], first: boolean): void => {
    if (first) {
      this.known.clear();
    }
    for (const run of runs) {
      if (run.deleted) {
        this.known.delete(run.id);
      } else {
        this.known.set(run.id, run);
      }
    }
    this.loaded.runs = true;
    this.runs = [...this.known.values()].sort(inOrder);
    this.runs.splice(MOST_RUNS).forEach(run => this.known.delete(run.id));
    this.tell();
  };

  private takeDevices = (agents: Agent[]): void => {
    this.agents = agents;
    this.loaded.devices = true;
    this.tell();
  };

  private linkChanged = async (): Promise<void> => {
    const down = this.server.live.link === 'down';
    this.trouble = down ? this.trans.__('Not connected. Trying again; runs go on without this page.') : '';
    this.tell();
    if (down && !this.loaded.runs && (await this.isWithoutGpurun())) {
      this.trouble = this.trans.__('This Jupyter server runs without gpurun. Restart it where gpurun-jupyter is installed.');
      this.tell();
    }
  };

  private async isWithoutGpurun(): Promise<boolean> {
    try {
      await this.server.api.status();
      return false;
    } catch (error) {
      return error instanceof RequestError && error.status === 404;
    }
  }

  private tell(): void {
    this.redraw ||= window.setTimeout(() => {
      this.redraw = 0;
      this.signal.emit();
    }, REDRAW_MS);
  }
}

/** At work first, then the queue in its order, then what is over; the newest first in each. */
function inOrder(a: Run, b: Run): number {
  const group = (run: Run) => (!isLive(run) ? 2 : run.state === 'queued' || run.state === 'created' ? 1 : 0);
  const queue = (run: Run) => run.waiting?.position ?? Infinity;
  const time = (run: Run) => run.finished_at ?? run.created_at;
  return group(a) - group(b) || compare(queue(a), queue(b)) || time(b) - time(a) || (a.id < b.id ? 1 : -1);
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether somebody uses the device, a run of ours or not. */
export function isBusy(device: Device): boolean {
  return !!device.run_owner || (device.processes ?? []).some(process => !process.ours);
}
