/** What a row of the sidebar says of a run beside its name. */
import * as format from '../look/format';
import { behindWords, dots, elapsedSeconds, place, stateName, syncWords } from '../look/sentences';
import { isHeardOf, isLive, Run } from '../server/types';
import type { Translate } from '../look/words';

const MOST_METRICS = 2;
const MOST_LETTERS = 140; // of a notice, as JupyterLab's guide asks

/** The second line: how far it is, why it waits, or what came of it. */
export function detailWords(run: Run, trans: Translate): string {
  if (!isLive(run)) {
    return outcomeWords(run, trans) || tookWords(run, trans);
  }
  if (run.state === 'created') {
    return trans.__('on hold');
  }
  if (run.waiting) {
    return run.waiting.why;
  }
  if (isHeardOf(run)) {
    return run.message || dots(stateName(run, trans), metricWords(run));
  }
  const where = place(run);
  return where && run.state === 'running' ? trans.__('on %1', where) : dots(stateName(run, trans), where);
}

/** What came of a run that is over: its metrics, and why it did not succeed. */
function outcomeWords(run: Run, trans: Translate): string {
  const why = run.outcome === 'succeeded' ? '' : reasonWords(run, trans) || stateName(run, trans);
  return dots(why, metricWords(run));
}

/** At the right of the first line: how long still, or how long ago. */
export function timeWords(run: Run, now: number, trans: Translate): string {
  if (run.finished_at !== null) {
    return format.ago(now - run.finished_at, trans);
  }
  if (run.waiting) {
    const starts = run.waiting.starts_in_s;
    return starts ? `~ ${format.about(starts, trans)}` : trans.__('place %1', run.waiting.position);
  }
  if (run.behind_s) {
    return behindWords(run, trans); // the time left is as old as all the rest
  }
  const left = run.progress?.left_s;
  return left !== null && left !== undefined && run.state === 'running' ? trans.__('%1 left', format.elapsed(left)) : '';
}

/** When it began, whose it is, where it is. */
export function hoverWords(run: Run, trans: Translate): string {
  const start = run.started_at === null ? '' : new Date(run.started_at * 1000).toLocaleString();
  return [
    `${run.name}: ${stateName(run, trans)}`,
    start && trans.__('started %1', start),
    run.owner && trans.__('by %1', run.owner),
    run.parent && trans.__('nested in %1', run.parent),
    place(run) && dots(trans.__('on %1', place(run)), syncWords(run, trans)),
    run.waiting?.why || run.message,
    run.id
  ]
    .filter(line => line)
    .join('\n');
}

/** Why it did not succeed, in few words; nothing where the outcome says it all. */
function reasonWords(run: Run, trans: Translate): string {
  const words: Record<string, string> = {
    exception: trans.__('exception'),
    exit_code: trans.__('exit code'),
    signal: trans.__('ended by a signal'),
    cuda_oom: trans.__('OOM on the GPU'),
    host_oom: trans.__('OOM on the machine'),
    disk_full: trans.__('disk full'),
    timeout: trans.__('time limit'),
    kernel_died: trans.__('kernel died'),
    output_missing: trans.__('an output is missing'),
    left_behind: trans.__('left processes behind'),
    undelivered: trans.__('not all has arrived'),
    runner_killed: trans.__('runner was killed'),
    damaged: trans.__('its record was damaged'),
    internal_error: trans.__('gpurun itself failed'),
    predecessor_failed: trans.__('a run before it failed'),
    start_failed: trans.__('could not start'),
    agent_lost: trans.__('machine was lost')
  };
  const word = words[run.reason ?? ''] ?? '';
  const says = ['exception', 'exit_code', 'signal', 'start_failed', 'output_missing'].includes(run.reason ?? '');
  return says && run.message ? run.message : word;
}

function tookWords(run: Run, trans: Translate): string {
  const seconds = elapsedSeconds(run, 0);
  return seconds === null ? '' : trans.__('took %1', format.took(seconds));
}

function metricWords(run: Run): string {
  return dots(
    ...Object.entries(run.metrics)
      .slice(0, MOST_METRICS)
      .map(([name, metric]) => `${name} ${format.value(metric.last)}`)
  );
}

/** `digits-cnn succeeded in 4:51 · acc 0.962`, cut where it is too long. */
export function noticeWords(run: Run, trans: Translate): string {
  const why = run.outcome === 'succeeded' ? '' : reasonWords(run, trans);
  const words = dots(`${run.name} ${howItEnded(run, trans)}`, why, metricWords(run));
  return words.length > MOST_LETTERS ? `${words.slice(0, MOST_LETTERS - 1)}…` : words;
}

function howItEnded(run: Run, trans: Translate): string {
  const seconds = elapsedSeconds(run, 0);
  const state = stateName(run, trans);
  if (seconds === null) {
    return state;
  }
  const time = format.took(seconds);
  return run.outcome === 'succeeded' ? trans.__('succeeded in %1', time) : trans.__('%1 after %2', state, time);
}
