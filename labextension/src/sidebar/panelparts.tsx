/** Small pieces of the sidebar, in React. */
import React from 'react';
import { DrawingName, DRAWINGS } from '../look/glyphs';

/** What can be done from the sidebar now. */
export interface Buttons {
  onNew?: () => void;
  onSettings?: () => void;
  onMore?: () => void;
  onInsert?: () => void;
  onAddMachine?: () => void;
}

/** One of gpurun's drawings; decoration, so whoever uses it says the same in words. */
export function Glyph({ name }: { name: DrawingName }): JSX.Element {
  return (
    <svg viewBox="0 0 16 16" className={`gpurun-glyph gpurun-glyph-${name}`} aria-hidden="true">
      {DRAWINGS[name].map(({ d, filled }) => (
        <path key={d} d={d} className={filled ? 'gpurun-filled' : 'gpurun-line'} />
      ))}
    </svg>
  );
}

/** A thin bar; `fraction` null where it is not known. */
export function Meter({ fraction, label }: { fraction: number | null; label: string }): JSX.Element {
  const percent = Math.round(Math.min(1, Math.max(0, fraction ?? 0)) * 100);
  return (
    <span
      className="gpurun-meter"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={fraction === null ? undefined : percent}
    >
      <span className="gpurun-meter-fill" style={{ width: `${percent}%` }} />
    </span>
  );
}

/** Draw `children` again each `seconds`, for what is said relative to now. */
export function useClock(seconds: number): number {
  const [now, setNow] = React.useState(() => Date.now() / 1000);
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now() / 1000), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return Math.max(now, Date.now() / 1000); // drawn for another reason, between two turns, it is later already
}
