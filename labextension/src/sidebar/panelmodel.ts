/** What the sidebar shows: runs in the order in which they are listed, agents, and how the connection is. */
import { ISignal, Signal } from '@lumino/signaling';
import { RequestError } from '../server/api';
import type { Stop } from '../server/live';
import type { IRunServer } from '../server/server';
import { Agent, Device, isHeardOf, isLive, Run } from '../server/types';
import type { Translate } from '../look/words';

const MOST_RUNS = 400;
const WHY_AGAIN_MS = 5000;
const REDRAW_MS = 100; // however many runs change, the panel is drawn ten times a second at most

export class PanelModel {
  agents: Agent[] = [];
  /** Those at work first, then the queue, then what is over. */
  runs: Run[] = [];
  /** Whether the server has said what there is; before that, an empty list means nothing. */
  loaded = { runs: false, devices: false };
  /** A sentence where the connection is down. */
  trouble = '';
  /** Whose runs those are that this page submits; empty until the server has said it. */
  owner = '';
  private known = new Map<string, Run>();
  private asking = false;
  private newest = 0; // when the newest run that was told of was created
  private signal = new Signal<this, void>(this);
  private over = new Signal<this, Run>(this);
  private watchers = 0;
  private stops: Stop[] = [];
  private redraw = 0;
  private again = 0; // the timer of the next question why there is no connection
  private disposed = false;

  constructor(
    readonly server: IRunServer,
    private trans: Translate
  ) {
    server.live.linkChanged.connect(this.linkChanged);
  }

  get changed(): ISignal<this, void> {
    return this.signal;
  }

  /** Told of each run that comes to its end while it is watched. */
  get ended(): ISignal<this, Run> {
    return this.over;
  }

  /** Runs that wait, in their order; those on hold last. */
  get queue(): Run[] {
    return this.runs.filter(isWaiting);
  }

  /** Runs at work and runs that are over. */
  get started(): Run[] {
    return this.runs.filter(run => !isWaiting(run));
  }

  run(id: string): Run | undefined {
    return this.known.get(id);
  }

  isMine(run: Run): boolean {
    return run.owner === this.owner;
  }

  /** Watch the server until the last who asked for it has stopped. */
  watch(): Stop {
    if (!this.watchers++) {
      this.stops = [this.server.live.watchRuns(this.takeRuns), this.server.live.watchDevices(this.takeDevices)];
    }
    let stopped = false;
    return () => {
      if (!stopped && !--this.watchers) {
        this.stops.splice(0).forEach(stop => stop());
      }
      stopped = true;
    };
  }

  dispose(): void {
    this.stops.splice(0).forEach(stop => stop());
    clearTimeout(this.redraw);
    clearTimeout(this.again);
    this.disposed = true;
    this.server.live.linkChanged.disconnect(this.linkChanged);
    Signal.clearData(this);
  }

  private takeRuns = (runs: Run[], first: boolean): void => {
    const before = new Map(this.known); // also over a break: what ended in it is news
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
    const over = runs.filter(run => !run.deleted && this.isNews(run, before.get(run.id))); // before `newest` moves on
    this.newest = Math.max(this.newest, ...runs.map(run => run.created_at));
    this.loaded.runs = true;
    this.runs = [...this.known.values()].sort(inOrder);
    this.runs.splice(MOST_RUNS).forEach(run => this.known.delete(run.id));
    void this.askForOwner();
    over.forEach(run => this.over.emit(run));
    this.tell();
  };

  /**
   * Whether it is news that the run is over: it was seen before its end, or is younger than all that were seen. Of those
   * that are only logged there may be hundreds, and whoever logs them knows.
   */
  private isNews(run: Run, before: Run | undefined): boolean {
    return !isLive(run) && run.kind !== 'logged' && (before ? isLive(before) : this.newest > 0 && run.created_at > this.newest);
  }

  private async askForOwner(): Promise<void> {
    if (this.owner || this.asking) {
      return;
    }
    this.asking = true;
    try {
      this.owner = (await this.server.api.status()).owner;
      this.tell();
    } catch {
      // Asked again with the next runs; that the server is out of reach is said already.
    } finally {
      this.asking = false;
    }
  }

  private takeDevices = (agents: Agent[]): void => {
    this.agents = agents;
    this.loaded.devices = true;
    this.tell();
  };

  private linkChanged = (): void => {
    clearTimeout(this.again);
    if (this.server.live.link === 'down') {
      this.trouble ||= this.notConnected(); // what the server gave as a reason stays until it is asked again
      void this.askWhy();
    } else {
      this.trouble = '';
    }
    this.tell();
  };

  /** Ask the server why there is no connection, as long as there is none: it may be there, and say it. */
  private async askWhy(): Promise<void> {
    const why = await this.server.api.status().then(
      () => '',
      error => this.reason(error)
    );
    if (this.server.live.link === 'down' && !this.disposed) { // it may be up by now
      this.trouble = why || this.notConnected();
      this.tell();
      clearTimeout(this.again);
      this.again = window.setTimeout(() => void this.askWhy(), WHY_AGAIN_MS);
    }
  }

  private reason(error: unknown): string {
    if (!(error instanceof RequestError)) {
      return '';
    }
    if (error.status === 404 && !error.code && !this.loaded.runs) { // once it has told of runs, that cannot be why
      return this.trans.__('This Jupyter server runs without gpurun. Restart it where gpurun-jupyter is installed.');
    }
    return error.code ? error.message : '';
  }

  private notConnected(): string {
    return this.trans.__('Not connected. Trying again; runs go on without this page.');
  }

  private tell(): void {
    this.redraw ||= window.setTimeout(() => {
      this.redraw = 0;
      this.signal.emit();
    }, REDRAW_MS);
  }
}

/** Whether the run has not begun. */
export function isWaiting(run: Run): boolean {
  return run.state === 'queued' || run.state === 'created';
}

/** At work here first, then the queue in its order, then all others; the newest first in each. */
function inOrder(a: Run, b: Run): number {
  const group = (run: Run) => (!isLive(run) || isHeardOf(run) ? 2 : isWaiting(run) ? 1 : 0);
  const queue = (run: Run) => run.waiting?.position ?? Infinity;
  const time = (run: Run) => run.finished_at ?? run.created_at;
  return group(a) - group(b) || compare(queue(a), queue(b)) || time(b) - time(a) || (a.id < b.id ? 1 : -1);
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0; // no subtraction: Infinity less Infinity is no number
}

/** Whether somebody uses the device, a run of ours or not. */
export function isBusy(device: Device): boolean {
  return !!device.run_owner || !!device.locked_by || (device.processes ?? []).some(process => !process.ours);
}

/** The devices to count: GPUs, or CPU slots where there is no GPU. */
export function counted(agents: readonly Agent[]): Device[] {
  const all = agents.flatMap(agent => agent.devices);
  const gpus = all.filter(device => device.kind !== 'cpu');
  return gpus.length ? gpus : all;
}
