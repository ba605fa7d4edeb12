/** The QUEUE section of the sidebar: what waits, for what, until when. One's own runs are put in order by hand. */
import { showErrorMessage } from '@jupyterlab/apputils';
import React from 'react';
import type { Run } from '../server/types';
import type { PanelModel } from './panelmodel';
import { useClock } from './panelparts';
import { following, movable, moveBefore, stepped } from './queueorder';
import { RunActions, RunRow } from './runrow';

const DRAGGED = 'application/x-gpurun-run';

export interface QueueListProps extends RunActions {
  model: PanelModel;
}

export function QueueList(props: QueueListProps): JSX.Element {
  const { model, trans } = props;
  const [said, setSaid] = React.useState('');
  const [gap, setGap] = React.useState<number | null>(null); // where what is dragged would go
  const now = useClock(10);
  const order = movable(model).map(run => run.id);

  const move = async (id: string, before: string | null | undefined) => {
    if (before !== undefined && before !== id) {
      const rest = order.filter(other => other !== id);
      const place = before === null ? rest.length + 1 : rest.indexOf(before) + 1;
      await moveBefore(model, id, before).then(
        () => setSaid(trans.__('%1 is now number %2 of your %3 waiting runs.', model.run(id)?.name ?? id, place, order.length)),
        (error: unknown) => showErrorMessage(trans.__('The order is as it was'), error instanceof Error ? error : String(error))
      );
    }
  };
  if (!model.queue.length) {
    return model.loaded.runs ? <p className="gpurun-empty">{trans.__('Nothing waits.')}</p> : <div />;
  }
  return (
    <div className="gpurun-queue">
      <div className="gpurun-said" role="status">
        {said}
      </div>
      <ul
        className="gpurun-list"
        aria-label={trans.__('Queue')}
        onDragOver={event => {
          const over = gapAt(event);
          if (over !== null) {
            event.preventDefault(); // else the browser allows no drop
            event.dataTransfer.dropEffect = 'move';
            setGap(over);
          }
        }}
        onDragLeave={() => setGap(null)}
        onDrop={event => {
          const id = event.dataTransfer.getData(DRAGGED);
          const over = gapAt(event);
          setGap(null);
          if (id && over !== null) {
            event.preventDefault();
            void move(id, following(model, id, over));
          }
        }}
      >
        {model.queue.map((run, index) => (
          <QueueRow key={run.id} {...props} {...{ run, index, gap, now }} mine={order.includes(run.id)} move={move} />
        ))}
      </ul>
    </div>
  );
}

/** Where a dragged run would go: before or after the row that it is over; null for anything else. */
function gapAt(event: React.DragEvent<HTMLElement>): number | null {
  const row = (event.target as HTMLElement).closest<HTMLElement>('.gpurun-run');
  if (!row || !event.dataTransfer.types.includes(DRAGGED)) { // before the drop browsers tell only of which kind it is
    return null;
  }
  const { top, height } = row.getBoundingClientRect();
  return Number(row.dataset.index) + (event.clientY > top + height / 2 ? 1 : 0);
}

interface QueueRowProps extends QueueListProps {
  run: Run;
  index: number;
  gap: number | null;
  now: number;
  mine: boolean;
  move: (id: string, before: string | null | undefined) => void;
}

function QueueRow({ run, index, gap, now, mine, move, model, ...actions }: QueueRowProps): JSX.Element {
  const isLast = index === model.queue.length - 1;
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (mine && event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      event.stopPropagation();
      move(run.id, stepped(model, run.id, event.key === 'ArrowUp' ? -1 : 1));
    }
  };
  const row = {
    onKeyDown,
    'data-index': index,
    'data-gap': gap === index ? 'before' : isLast && gap === index + 1 ? 'after' : undefined
  };
  return (
    <RunRow {...actions} run={run} now={now} row={row} shortcuts={mine ? 'Alt+ArrowUp Alt+ArrowDown' : undefined}>
      <span
        className="gpurun-handle"
        draggable={mine}
        title={mine ? actions.trans.__('Drag to change the order of your runs (Alt+Up, Alt+Down)') : undefined}
        aria-hidden="true"
        onDragStart={event => {
          event.dataTransfer.setData(DRAGGED, run.id);
          event.dataTransfer.effectAllowed = 'move';
          event.dataTransfer.setDragImage(event.currentTarget.parentElement as HTMLElement, 8, 12);
        }}
      >
        {mine ? '⠿' : ''}
      </span>
    </RunRow>
  );
}
