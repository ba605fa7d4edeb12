/**
 * The small drawings of gpurun: one for each state of a run, told apart by shape and not only by colour, and those on the
 * buttons. They are data, so that plain DOM and React draw the same.
 */
import type { GlyphName } from './sentences';

export type DrawingName = GlyphName | 'stop' | 'open' | 'refresh' | 'warning' | 'rerun' | 'diff';

/** Paths on a field of 16 x 16; `filled` ones have no outline. */
export const DRAWINGS: Record<DrawingName, readonly { d: string; filled?: boolean }[]> = {
  waiting: [{ d: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z' }, { d: 'M8 5v3.2l2.2 1.4' }],
  starting: [{ d: 'M8 2a6 6 0 0 1 6 6' }, { d: 'M12.2 12.2A6 6 0 0 1 3.8 12.2' }, { d: 'M2 8a6 6 0 0 1 1.8-4.2' }],
  running: [{ d: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z' }, { d: 'M8 4.8a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 0 0 0-6.4Z', filled: true }],
  stopping: [{ d: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z' }, { d: 'M5.8 5.8h4.4v4.4H5.8Z', filled: true }],
  lost: [{ d: 'M5.2 6a2.8 2.8 0 1 1 4.2 2.4C8.4 9 8 9.4 8 10.4' }, { d: 'M7.2 12.2h1.6v1.6H7.2Z', filled: true }],
  succeeded: [{ d: 'M3 8.6l3.3 3.3L13 4.8' }],
  failed: [{ d: 'M4 4l8 8M12 4l-8 8' }],
  cancelled: [{ d: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z' }, { d: 'M3.9 12.1l8.2-8.2' }],
  timed_out: [{ d: 'M4.2 2.5h7.6M4.2 13.5h7.6M5.4 2.5c0 3 2.6 4 2.6 5.5s-2.6 2.5-2.6 5.5M10.6 2.5c0 3-2.6 4-2.6 5.5s2.6 2.5 2.6 5.5' }],
  stop: [{ d: 'M4.5 4.5h7v7h-7Z', filled: true }],
  open: [{ d: 'M9.5 3H13v3.5M13 3L7.6 8.4M11 9.5V13H3V5h3.5' }],
  warning: [{ d: 'M8 2.5L14.2 13.5H1.8Z' }, { d: 'M8 6.5v3.2' }, { d: 'M7.2 11h1.6v1.2H7.2Z', filled: true }],
  rerun: [{ d: 'M3 8a5 5 0 1 0 1.5-3.6' }, { d: 'M2.8 2v3.4h3.4' }],
  diff: [{ d: 'M8 2.5v5M5.5 5h5M5.5 11.5h5' }],
  refresh: [{ d: 'M13 8a5 5 0 1 1-1.5-3.6' }, { d: 'M13.2 2v3.4H9.8' }]
};

/** The drawing as an element. It is decoration: whoever uses it says in words what it means. */
export function drawing(name: DrawingName): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `gpurun-glyph gpurun-glyph-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  for (const { d, filled } of DRAWINGS[name]) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', d);
    path.setAttribute('class', filled ? 'gpurun-filled' : 'gpurun-line');
    svg.append(path);
  }
  return svg;
}
