/**
 * The page's one live connection, a WebSocket that carries everything that is watched. When it breaks it is made again,
 * and each watched run goes on at the cursor where it stood. A broken connection says nothing about a run.
 */
import { ISignal, Signal } from '@lumino/signaling';
import { FeedListener, RunFeed } from './feed';
import type { Agent, Frame, Run } from './types';

/** `connecting` only before the first success or failure. */
export type Link = 'connecting' | 'up' | 'down';

/** `first` says that nothing told before holds: these are the newest, on a new connection or to a new listener. */
export type RunsListener = (runs: Run[], first: boolean) => void;
export type DevicesListener = (agents: Agent[]) => void;
/** Told that some model has changed, and when a connection was made. */
export type ModelsListener = () => void;

/** Stops what it was returned by. */
export type Stop = () => void;

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5000;
const LINGER_MS = 3000; // a view that moves is taken away and drawn anew: its run stays watched for this long
const SILENCE_MS = 40000; // the server beats every 15 s; without a sound for longer the connection is dead

export interface LiveOptions {
  url: () => string;
  WebSocket: typeof WebSocket;
}

export class Live {
  private socket: WebSocket | null = null;
  private delay = FIRST_DELAY_MS;
  private retry = 0;
  private silence = 0;
  private state: Link = 'connecting';
  private changed = new Signal<this, Link>(this);
  private runs = new Set<RunsListener>();
  private devices = new Set<DevicesListener>();
  private models = new Set<ModelsListener>();
  private feeds = new Map<string, RunFeed>();
  private untold = new Set<RunsListener>(); // those to whom the next runs are the first

  constructor(private options: LiveOptions) {}

  get link(): Link {
    return this.state;
  }

  get linkChanged(): ISignal<this, Link> {
    return this.changed;
  }

  /** Watch all runs. */
  watchRuns(listener: RunsListener): Stop {
    this.untold.add(listener);
    return this.watchAll('runs', this.runs, listener);
  }

  /** Watch the agents and their devices. */
  watchDevices(listener: DevicesListener): Stop {
    return this.watchAll('devices', this.devices, listener);
  }

  /** Be told whenever a model has changed. */
  watchModels(listener: ModelsListener): Stop {
    return this.watchAll('models', this.models, listener);
  }

  /** Watch one run; what is known of it is in the feed at once. */
  watchRun(id: string, listener: FeedListener): { feed: RunFeed; stop: Stop } {
    let feed = this.feeds.get(id);
    if (!feed) {
      feed = new RunFeed(id);
      this.feeds.set(id, feed);
      this.ask({ watch: 'run', run: id, cursor: feed.resume() });
    }
    feed.listeners.add(listener);
    const stop = () => {
      feed.listeners.delete(listener);
      window.setTimeout(() => this.forget(feed), LINGER_MS);
    };
    return { feed, stop };
  }

  private forget(feed: RunFeed): void {
    if (!feed.listeners.size && this.feeds.get(feed.id) === feed) { // another timer may have forgotten it, and the run be watched anew
      this.feeds.delete(feed.id);
      this.ask({ unwatch: 'run', run: feed.id });
    }
  }

  /** Drop the connection and make it again now. */
  reconnect(): void {
    this.delay = FIRST_DELAY_MS;
    this.connect();
  }

  private watchAll<T>(what: 'runs' | 'devices' | 'models', listeners: Set<T>, listener: T): Stop {
    listeners.add(listener);
    this.ask({ watch: what }); // each time: the server tells all there is to who asks, else only what changes
    return () => {
      if (listeners.delete(listener) && !listeners.size) { // stopped twice is stopped once
        this.ask({ unwatch: what });
      }
    };
  }

  /** Say it now if the connection is there; when it is made, everything watched is said. */
  private ask(request: Record<string, string>): void {
    if (this.socket?.readyState === 1) {
      this.socket.send(JSON.stringify(request));
    } else if (!this.socket && !this.retry) { // the first wish connects; after a break that happens by itself
      this.connect();
    }
  }

  private connect(): void {
    this.drop(); // of two, each would bring everything
    const socket = new this.options.WebSocket(this.options.url());
    this.socket = socket;
    socket.onopen = () => this.opened();
    socket.onmessage = message => {
      this.delay = FIRST_DELAY_MS; // only now: one that ends at once is no better than none
      this.expectSound();
      this.take(JSON.parse(message.data) as Frame);
    };
    socket.onclose = () => this.closed(); // an error is always followed by it
    this.expectSound(); // to open may hang, too
  }

  /** Forget the present socket, so that nothing late from it is heard. */
  private drop(): void {
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.retry = 0;
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
      this.socket = null;
    }
  }

  private opened(): void {
    this.untold = new Set(this.runs); // what was deleted for good meanwhile is in no frame
    if (this.runs.size) {
      this.ask({ watch: 'runs' });
    }
    if (this.devices.size) {
      this.ask({ watch: 'devices' });
    }
    if (this.models.size) {
      this.ask({ watch: 'models' });
    }
    for (const feed of this.feeds.values()) {
      this.ask({ watch: 'run', run: feed.id, cursor: feed.resume() });
    }
    this.setLink('up');
  }

  private closed(): void {
    this.drop();
    this.retry = window.setTimeout(() => this.connect(), this.delay);
    this.delay = Math.min(2 * this.delay, LONGEST_DELAY_MS);
    this.setLink('down');
  }

  private expectSound(): void {
    clearTimeout(this.silence);
    this.silence = window.setTimeout(() => this.closed(), SILENCE_MS);
  }

  private setLink(link: Link): void {
    if (link !== this.state) {
      this.state = link;
      this.changed.emit(link);
    }
  }

  private take(frame: Frame): void {
    switch (frame.type) {
      case 'runs':
        return this.runs.forEach(listener => listener(frame.runs, this.untold.delete(listener)));
      case 'devices':
        return this.devices.forEach(listener => listener(frame.agents));
      case 'models':
        return this.models.forEach(listener => listener());
      case 'run':
        return this.feeds.get(frame.run.id)?.take(frame); // on its way when it was unwatched, perhaps
      case 'events':
      case 'before':
      case 'error':
        return frame.run === undefined ? undefined : this.feeds.get(frame.run)?.take(frame);
    }
  }
}
