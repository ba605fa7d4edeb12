/**
 * Numbers and times as people read them. Widths change as little as possible, so that a line that updates stands still.
 */
import type { Measured } from '../server/types';
import type { Translate } from './words';

/** `102` as `1:42`, `3700` as `1:01:40`. */
export function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** How long something took: like `elapsed`, but a short time keeps its tenths. */
export function took(seconds: number): string {
  return seconds < 10 ? `${Math.max(0, seconds).toFixed(1)} s` : elapsed(seconds);
}

/** How long ago something was, in one unit. */
export function ago(seconds: number, trans: Translate): string {
  if (seconds < 60) {
    return trans.__('just now');
  }
  if (seconds < 3600) {
    return trans.__('%1 min ago', Math.floor(seconds / 60));
  }
  if (seconds < 86400) {
    return trans.__('%1 h ago', Math.floor(seconds / 3600));
  }
  return trans._n('%1 day ago', '%1 days ago', Math.floor(seconds / 86400));
}

/** A measured value with three digits that count, or the word for what is no number. */
export function value(x: Measured): string {
  if (typeof x === 'string') {
    return x;
  }
  const size = Math.abs(x);
  if (!Number.isFinite(x) || x === 0) {
    return String(x);
  }
  if (size >= 1000) {
    return size < 1e7 ? String(Math.round(x)) : x.toExponential(2);
  }
  return size < 1e-3 ? x.toExponential(2) : x.toPrecision(3);
}

/** A count: whole numbers stay as they are. */
export function count(x: number): string {
  return Number.isInteger(x) ? String(x) : value(x);
}

/** Items a second, or seconds an item where it is slow. */
export function rate(perSecond: number): string {
  return perSecond >= 1 ? `${value(perSecond)} it/s` : `${value(1 / perSecond)} s/it`;
}

/** A share from 0 to 1 in percent, never 100 before it is whole. */
export function percent(fraction: number): string {
  const shown = fraction >= 1 ? 100 : Math.min(99, Math.floor(fraction * 100));
  return `${Math.max(0, shown)} %`;
}

/** A time to come, as roughly as it is known: `20 s`, `4 min`, `1.5 h`. */
export function about(seconds: number, trans: Translate): string {
  if (seconds < 90) {
    return trans.__('%1 s', Math.max(1, seconds < 10 ? Math.round(seconds) : 5 * Math.round(seconds / 5)));
  }
  if (seconds < 90 * 60) {
    return trans.__('%1 min', Math.round(seconds / 60));
  }
  return trans.__('%1 h', Number((seconds / 3600).toPrecision(2)));
}

/** A change as a share, `+0.8 %`. */
export function change(share: number): string {
  const percent = 100 * share;
  const size = Math.abs(percent);
  const digits = size >= 10 ? 0 : size >= 0.095 ? 1 : 2; // from here on one digit says 0.1
  const text = size.toFixed(digits);
  return `${Number(text) === 0 ? '±' : percent < 0 ? '−' : '+'}${text} %`;
}

/** The size of a file: `512 B`, `3.1 KB`, `812 MB`. */
export function bytes(count: number): string {
  if (count < 1000) {
    return `${count} B`;
  }
  return count < 1000 * 1024 ? `${(count / 1024).toFixed(count < 10240 ? 1 : 0)} KB` : size(count);
}

/** Bytes with the unit that fits: `812 MB`, `1.2 GB`. */
export function size(bytes: number): string {
  const mb = bytes / 2 ** 20;
  return mb < 1000 ? `${Math.round(mb)} MB` : `${(mb / 1024).toFixed(mb < 10 * 1024 ? 1 : 0)} GB`;
}

/** Used and total memory in one unit: `31/40 GB`. */
export function memory(used: number | null | undefined, total: number | null | undefined): string {
  const gb = 2 ** 30;
  const short = (bytes: number) => (bytes / gb < 9.95 ? (bytes / gb).toFixed(1) : String(Math.round(bytes / gb)));
  if (!total) {
    return '';
  }
  return `${used === null || used === undefined ? '–' : short(used)}/${Math.round(total / gb)} GB`;
}
