/** A transcript that follows a feed: from the beginning, from later on, through a connection that begins again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunFeed } from '../src/server/feed';
import type { LogPiece, RunRequests } from '../src/server/requests';
import type { Event, Frame } from '../src/server/types';
import { LiveTranscript, MOST_HELD } from '../src/transcript/live';

/** The log is a line an event; place 1:n is after line n. */
function lines(first: number, last: number): Event[] {
  return Array.from({ length: last - first }, (_, i) => ({ kind: 'output', stream: 'stdout', text: `${first + i}\n` }));
}

function frame(first: number, last: number): Frame {
  return { type: 'events', run: 'a', cursor: `1:${last}`, events: lines(first, last) };
}

class Server {
  asked: string[] = [];
  failure = '';

  async eventsBefore(cursor: string, count: number): Promise<LogPiece> {
    this.asked.push(`${cursor} ${count}`);
    if (this.failure) {
      throw new Error(this.failure);
    }
    const end = Number(cursor.slice(2));
    const begin = Math.max(0, end - count);
    return { cursor: `1:${begin}`, events: lines(begin, end), line: 0 };
  }
}

function following(feed: RunFeed): { live: LiveTranscript; server: Server; changed: () => Promise<void> } {
  const server = new Server();
  let tell = () => {};
  const changed = () => new Promise<void>(resolve => (tell = resolve));
  return { live: new LiveTranscript(feed, server as unknown as RunRequests, () => tell()), server, changed };
}

function numbers({ transcript }: LiveTranscript): number[] {
  return transcript.parts.flatMap(part =>
    part.kind === 'printed' ? Array.from({ length: part.tail.length }, (_, i) => Number(part.tail.line(i)[0].text)) : []
  );
}

function upTo(first: number, last: number): number[] {
  return Array.from({ length: last - first }, (_, i) => first + i);
}

test('it is there from the beginning, or asks for what came before it', async () => {
  const feed = new RunFeed('a');
  const early = following(feed);
  feed.take(frame(0, 100));
  const late = following(feed);
  feed.take(frame(100, 150));
  await late.changed();
  feed.take(frame(150, 200));
  assert.deepEqual(numbers(early.live), upTo(0, 200));
  assert.deepEqual(numbers(late.live), upTo(0, 200));
  assert.deepEqual([early.server.asked, late.server.asked], [[], ['1:100 5000']]);
});

test('a long log is read backwards as far as it is held', async () => {
  const feed = new RunFeed('a');
  const { live, changed } = following(feed);
  feed.take({ type: 'before', run: 'a', cursor: '1:100000' });
  feed.take(frame(100_000, 105_000));
  live.setReading(true);
  while (live.hasEarlier) {
    const loaded = changed();
    void live.loadEarlier();
    await loaded;
  }
  assert.deepEqual(numbers(live), upTo(105_000 - MOST_HELD, 105_000));
  assert.ok(live.isFull && live.transcript.front);
  live.setReading(false);
  assert.deepEqual(numbers(live), upTo(100_000, 105_000));
});

test('what is printed while what came before is on its way keeps its place', async () => {
  const feed = new RunFeed('a');
  const { live, changed } = following(feed);
  feed.take({ type: 'before', run: 'a', cursor: '1:9000' });
  feed.take(frame(9000, 9100));
  const loaded = changed();
  void live.loadEarlier();
  void live.loadEarlier(); // once is enough
  feed.take(frame(9100, 9200));
  await loaded;
  assert.deepEqual(numbers(live), upTo(4000, 9200));
});

test('a feed that begins again has nothing twice', async () => {
  const feed = new RunFeed('a');
  const { live } = following(feed);
  feed.take({ type: 'before', run: 'a', cursor: '1:9000' });
  feed.take(frame(9000, 9100));
  assert.equal(feed.resume(), 'tail:5000'); // the count of what came before was lost
  feed.take({ type: 'before', run: 'a', cursor: '1:9050' });
  feed.take(frame(9050, 9150));
  assert.deepEqual(numbers(live), upTo(9050, 9150));
  assert.equal(live.transcript.front?.cursor, '1:9050');
});

test('what cannot be had is said, and may be asked for again', async () => {
  const feed = new RunFeed('a');
  const { live, server, changed } = following(feed);
  feed.take({ type: 'before', run: 'a', cursor: '1:10' });
  feed.take(frame(10, 20));
  server.failure = 'The log was pruned.';
  let loaded = changed();
  void live.loadEarlier();
  await loaded;
  assert.equal(live.problem, 'The log was pruned.');
  server.failure = '';
  loaded = changed();
  void live.loadEarlier();
  await loaded;
  assert.deepEqual(numbers(live), upTo(0, 20));
  assert.equal(live.problem, '');
});
