/** The `⋯` of a row. */
import React from 'react';

/** A button that opens the context menu of the row that it is in. */
export function MenuButton({ label }: { label: string }): JSX.Element {
  const open = (event: React.MouseEvent<HTMLButtonElement>) => {
    const { left, bottom } = event.currentTarget.getBoundingClientRect();
    const place = { clientX: left, clientY: bottom, bubbles: true, cancelable: true };
    event.currentTarget.dispatchEvent(new MouseEvent('contextmenu', place)); // at which JupyterLab opens its menu, as for a right click
  };
  return (
    <button type="button" className="gpurun-dots" title={label} aria-label={label} aria-haspopup="menu" onClick={open}>
      ⋯
    </button>
  );
}
