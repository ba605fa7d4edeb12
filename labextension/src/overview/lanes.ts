/** The timeline laid out: a lane for each device, and in it rows of bars that do not overlap. Pure. */
import type { Agent, Run } from '../server/types';
import type { Attempt, Timeline } from './answers';

export interface Bar {
  attempt: Attempt;
  /** Shares of the width, 0 to 1. */
  left: number;
  right: number;
  /** Up to where it is expected to go on. */
  expected: number;
}

export interface Lane {
  key: string;
  agent: string;
  device: string;
  rows: Bar[][];
}

export interface Axis {
  after: number;
  before: number;
}

const AHEAD = 0.1; // so much of the axis is for what is to come

/** The axis that ends a little after now. */
export function axisOf(after: number, now: number): Axis {
  return { after, before: now + ((now - after) * AHEAD) / (1 - AHEAD) };
}

export function placeOn(axis: Axis, time: number): number {
  return Math.min(1, Math.max(0, (time - axis.after) / (axis.before - axis.after)));
}

/** A lane for each device that there is, and for each that has been used. */
export function lanesOf(timeline: Timeline, agents: readonly Agent[], live: (id: string) => Run | undefined, axis: Axis, now: number): Lane[] {
  const lanes = new Map<string, Lane>();
  const lane = (agent: string, device: string) => {
    const key = `${agent}:${device}`;
    const made = lanes.get(key) ?? { key, agent, device, rows: [] };
    lanes.set(key, made);
    return made;
  };
  for (const agent of agents) {
    agent.devices.forEach(device => lane(agent.id, `${device.kind === 'cpu' ? 'cpu' : 'gpu'}${device.index}`));
  }
  for (const attempt of [...timeline.attempts].sort((a, b) => a.start - b.start)) {
    const run = attempt.run_id ? live(attempt.run_id) : undefined;
    attempt.devices.forEach(device => put(lane(attempt.agent, device).rows, barOf(attempt, run, axis, now)));
  }
  return [...lanes.values()];
}

function barOf(attempt: Attempt, run: Run | undefined, axis: Axis, now: number): Bar {
  const end = attempt.end ?? now;
  const left = attempt.end === null ? (run?.progress?.left_s ?? 0) : 0;
  return {
    attempt,
    left: placeOn(axis, attempt.start),
    right: placeOn(axis, end),
    expected: placeOn(axis, end + left)
  };
}

/** Into the first row that is free by then. */
function put(rows: Bar[][], bar: Bar): void {
  const row = rows.find(bars => bars[bars.length - 1].right <= bar.left);
  if (row) {
    row.push(bar);
  } else {
    rows.push([bar]);
  }
}

const STEPS_S = [300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600, 86400];
const MOST_TICKS = 8;

/** Round times on the axis, in the time zone of the page. */
export function ticksOf(axis: Axis): number[] {
  const length = axis.before - axis.after;
  const step = STEPS_S.find(seconds => length / seconds <= MOST_TICKS) ?? 86400;
  const zone = new Date(axis.after * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((axis.after - zone) / step) * step + zone;
  return Array.from({ length: Math.max(0, Math.ceil((axis.before - first) / step)) }, (_, i) => first + i * step);
}
