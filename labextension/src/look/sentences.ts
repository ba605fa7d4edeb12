/**
 * What is said of a run: the sentence behind its name, and which glyph stands before it. Pure, so that the view under a
 * cell, the page of a run and the sidebar say the same.
 */
import * as format from './format';
import { Facts, isHeardOf, Run, Sample } from '../server/types';
import type { Translate } from './words';

export type GlyphName =
  | 'waiting'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'lost'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'timed_out';

/** The glyph that stands for the run's state; finished runs show their outcome. */
export function glyphOf(run: Run): GlyphName {
  switch (run.state) {
    case 'created':
    case 'queued':
      return 'waiting';
    case 'finished':
      return run.outcome ?? 'cancelled';
    default:
      return run.state;
  }
}

/** Its name in a list: one that is logged by the code of another run is told from others. */
export function listedName(run: Run): string {
  return run.parent ? `↳ ${run.name}` : run.name;
}

/** The state in one or two words, for those who cannot see the glyph. */
export function stateName(run: Run, trans: Translate): string {
  const names: Record<GlyphName, string> = {
    waiting: trans.__('queued'),
    starting: trans.__('starting'),
    running: trans.__('running'),
    stopping: trans.__('stopping'),
    lost: trans.__('out of sight'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled'),
    timed_out: trans.__('timed out')
  };
  return names[glyphOf(run)];
}

/** Where it runs: `lab-a100:gpu0, gpu1`; nothing of one that is only logged. */
export function place(run: Run): string {
  return run.kind === 'logged' ? '' : [run.agent, run.devices.join(', ')].filter(part => part).join(':');
}

/** Seconds that the run has taken by `now` (seconds since the epoch); null before it started. */
export function elapsedSeconds(run: Run, now: number): number | null {
  return run.started_at === null ? null : Math.max(0, (run.finished_at ?? now) - run.started_at);
}

/** `about 3:10 left`, or nothing where nobody knows. */
export function timeLeft(run: Run, trans: Translate): string {
  const left = run.progress?.left_s;
  return left === null || left === undefined ? '' : trans.__('about %1 left', format.elapsed(left));
}

const EXACT_S = 600;

/** `behind by 0:12`, where what is shown is not what a run on another machine has come to. */
export function behindWords({ behind_s: seconds, sync }: Pick<Run, 'behind_s' | 'sync'>, trans: Translate): string {
  if (!seconds) {
    return '';
  }
  const time = seconds < EXACT_S ? format.elapsed(seconds) : format.about(seconds, trans);
  const words = trans.__('behind by %1', time);
  return sync === 'syncing' ? trans.__('syncing, %1', words) : words;
}

/** The same in a sentence that has room for what it means. */
function behindSentence(run: Run, trans: Translate): string {
  const words = behindWords(run, trans);
  return words && run.sync !== 'syncing' ? trans.__('%1, output continues on the machine', words) : words;
}

/** Whether all that a run on another machine has printed is here, for who asks; nothing of a run of this machine. */
export function syncWords({ sync }: Pick<Run, 'sync'>, trans: Translate): string {
  const words = { synced: trans.__('synced'), syncing: trans.__('syncing'), behind: trans.__('behind') };
  return sync ? words[sync] : '';
}

/** The sentence behind the run's name. */
export function stateSentence(run: Run, now: number, trans: Translate): string {
  const where = place(run);
  const time = elapsedSeconds(run, now);
  const clock = time === null ? '' : format.elapsed(time);
  switch (run.state) {
    case 'created':
    case 'queued':
      return dots(placeInQueue(run, trans), run.waiting?.why, untilWhen(run, trans));
    case 'starting':
      return where ? trans.__('starting on %1', where) : trans.__('starting');
    case 'running':
      return dots(
        where ? trans.__('running on %1', where) : trans.__('running'),
        clock,
        timeLeft(run, trans),
        behindSentence(run, trans),
        isHeardOf(run) ? run.message : '' // that nothing was heard of it
      );
    case 'stopping':
      return dots(
        where ? trans.__('interrupted, stopping on %1', where) : trans.__('interrupted, stopping'),
        clock,
        behindSentence(run, trans)
      );
    case 'lost':
      return dots(trans.__('out of sight: %1 is not heard of; the run may go on there', where || '?'), clock);
    default:
      return ending(run, time, trans);
  }
}

function placeInQueue(run: Run, trans: Translate): string {
  if (!run.waiting) {
    return trans.__('queued');
  }
  return run.waiting.position === 1 ? trans.__('queued, next') : trans.__('queued, place %1', run.waiting.position);
}

function untilWhen(run: Run, trans: Translate): string {
  const seconds = run.waiting?.starts_in_s;
  return seconds ? trans.__('starts in about %1', format.about(seconds, trans)) : '';
}

function ending(run: Run, time: number | null, trans: Translate): string {
  if (run.outcome === 'succeeded') {
    const how = time === null ? trans.__('succeeded') : trans.__('succeeded in %1', format.took(time));
    return place(run) ? trans.__('%1 on %2', how, place(run)) : how;
  }
  if (run.outcome === 'cancelled' && time === null && run.message) {
    return run.message; // it says itself that the run never started, and who cancelled it
  }
  const what = stateName(run, trans);
  const when = time === null ? trans.__('%1 before it started', what) : trans.__('%1 after %2', what, format.took(time));
  return run.message ? `${when}: ${run.message}` : when;
}

const MOST_DEVICES = 4;

/** What a run uses, `GPU 87 % 11/40 GB · memory 1.2 GB`, with the names of the cards; nothing for one without devices. */
export function usageWords(sample: Sample | null, trans: Translate): { text: string; hover: string } {
  const devices = sample?.devices ?? [];
  const one = (device: (typeof devices)[number]) =>
    [
      devices.length > 1 ? (device.label ?? device.id) : trans.__('GPU'),
      typeof device.util === 'number' ? `${Math.round(device.util)} %` : '',
      typeof device.mem === 'number' ? format.memory(device.mem, device.total) || format.size(device.mem) : ''
    ]
      .filter(part => part)
      .join(' ');
  const more = devices.length > MOST_DEVICES ? trans.__('%1 more', devices.length - MOST_DEVICES) : '';
  return {
    text: devices.length ? dots(...devices.slice(0, MOST_DEVICES).map(one), more, memoryWords(sample, trans)) : '',
    hover: devices.map(device => [device.label ?? device.id, device.name].filter(part => part).join(': ')).join('\n')
  };
}

/** The memory of the run's processes, `memory 1.2 GB`; nothing where it was not sampled. */
export function memoryWords(sample: Sample | null, trans: Translate): string {
  return sample?.rss ? trans.__('memory %1', format.size(sample.rss)) : '';
}

/** Which checkpoints there are; nothing where there is none. */
export function checkpointWords({ checkpoint, checkpoints }: Facts, trans: Translate): string {
  if (!checkpoint) {
    return '';
  }
  const { path, step } = checkpoint;
  const last = step === null || step === undefined ? path : trans.__('%1 at step %2', path, format.count(step));
  return dots(trans.__('checkpoint %1', last), checkpoints > 1 ? trans.__('%1 saved', checkpoints) : '');
}

/** How many lines a run has printed, as surely as it is known. */
export function lineCount(total: number, sureness: 'exact' | 'atLeast' | 'about', trans: Translate): string {
  const number = total.toLocaleString('en-US');
  const lines = trans._n('%2 line', '%2 lines', total, number);
  return sureness === 'exact' ? lines : sureness === 'about' ? trans.__('about %1', lines) : `≥ ${lines}`;
}

/** The parts that are there, with a middle dot between them. */
export function dots(...parts: (string | null | undefined)[]): string {
  return parts.filter(part => part).join(' · ');
}
