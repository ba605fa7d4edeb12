/** What is watched over the page's one connection: who listens later, or again, is told of everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Live } from '../src/server/live';
import type { Run } from '../src/server/types';

Object.assign(globalThis, { window: globalThis });

/** A server that knows one run, and tells of it whenever it is asked for all. */
class Socket {
  static last: Socket;
  readyState = 1;
  onopen!: () => void;
  onmessage!: (message: { data: string }) => void;
  onclose!: () => void;
  runs = ['old'];

  constructor() {
    Socket.last = this;
  }

  send(text: string): void {
    const { watch } = JSON.parse(text);
    if (watch) {
      const frame = watch === 'runs' ? { type: 'runs', runs: this.runs.map(id => ({ id })) } : { type: watch, agents: [] };
      queueMicrotask(() => this.onmessage({ data: JSON.stringify(frame) }));
    }
  }

  close(): void {}
}

const settled = () => new Promise<void>(resolve => setImmediate(resolve));

async function connected(): Promise<{ live: Live; listener: (told: string[]) => (runs: Run[], first: boolean) => void; end: () => void }> {
  const live = new Live({ url: () => 'ws://nowhere', WebSocket: Socket as never });
  live.reconnect();
  Socket.last.onopen();
  const listener = (told: string[]) => (runs: Run[], first: boolean) => void told.push(`${first} ${runs.map(run => run.id)}`);
  // the timer that waits for a sound would keep the test from its end
  return { live, listener, end: () => clearTimeout((live as unknown as { silence: number }).silence) };
}

test('a later listener is told of all runs, and that they are the first; for others they are none', async () => {
  const { live, listener, end } = await connected();
  const [early, late]: string[][] = [[], []];
  live.watchRuns(listener(early));
  await settled();
  live.watchRuns(listener(late));
  await settled();
  end();
  assert.deepEqual({ early, late }, { early: ['true old', 'false old'], late: ['true old'] });
});

test('runs that are watched again on the same connection are told as the first', async () => {
  const { live, listener, end } = await connected();
  const told: string[] = [];
  const listen = listener(told);
  const stop = live.watchRuns(listen);
  await settled();
  stop();
  Socket.last.runs = []; // deleted for good meanwhile
  live.watchRuns(listen);
  await settled();
  end();
  assert.deepEqual(told, ['true old', 'true ']);
});
