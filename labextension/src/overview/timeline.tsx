/** Who had which device when: lanes with bars, and the same as a table for who does not see them or has no mouse. */
import React from 'react';
import * as format from '../look/format';
import type { Translate } from '../look/words';
import { Glyph } from '../sidebar/panelparts';
import { glyphOfAttempt, stateOfAttempt } from './attemptwords';
import type { Attempt, Timeline } from './answers';
import { Axis, axisOf, Bar, Lane, lanesOf, placeOn, ticksOf } from './lanes';
import type { OverviewModel, Span } from './overviewmodel';

export interface TimelineProps {
  model: OverviewModel;
  timeline: Timeline;
  now: number;
  trans: Translate;
  onOpen: (id: string) => void;
}

export function TimelineView(props: TimelineProps): JSX.Element {
  const { model, timeline, now, trans } = props;
  const axis = axisOf(timeline.after, now);
  const lanes = lanesOf(timeline, model.live.agents, id => model.live.run(id), axis, now);
  return (
    <>
      <div className="gpurun-lanes" role="group" aria-label={trans.__('Devices and what ran on them; the same is in the table below')}>
        {lanes.map(lane => (
          <LaneRow key={lane.key} lane={lane} {...props} />
        ))}
        <div className="gpurun-lane gpurun-axis" aria-hidden="true">
          <span className="gpurun-lane-label" />
          <div className="gpurun-lane-track">
            <Ticks axis={axis} span={model.span} now={now} />
            <span className="gpurun-now-word" style={{ left: share(placeOn(axis, now)) }}>
              {trans.__('now')}
            </span>
          </div>
        </div>
        <div className="gpurun-now-layer" aria-hidden="true">
          <div className="gpurun-now" style={{ left: share(placeOn(axis, now)) }} />
        </div>
      </div>
      {!timeline.complete && <p className="gpurun-note">{trans.__('Only the newest 2,000 are shown.')}</p>}
      <AttemptsTable {...props} />
    </>
  );
}

function LaneRow({ lane, ...props }: TimelineProps & { lane: Lane }): JSX.Element {
  return (
    <div className="gpurun-lane" data-lane={lane.key}>
      <span className="gpurun-lane-label" title={`${lane.agent}:${lane.device}`}>
        {lane.agent}:{lane.device}
      </span>
      <div className="gpurun-lane-track">
        {(lane.rows.length ? lane.rows : [[]]).map((bars, index) => (
          <div className="gpurun-lane-row" key={index}>
            {bars.map(bar => (
              <BarView key={keyOf(bar.attempt)} bar={bar} {...props} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

/** A mouse opens the run here; the keyboard does so in the table. */
function BarView({ bar, trans, now, onOpen }: TimelineProps & { bar: Bar }): JSX.Element {
  const { attempt, left, right, expected } = bar;
  const words = attemptWords(attempt, now, trans);
  return (
    <>
      <button
        type="button"
        tabIndex={-1}
        className="gpurun-attempt"
        data-run-id={attempt.run_id ?? undefined}
        disabled={!attempt.run_id}
        data-state={attempt.outcome ?? attempt.state}
        style={{ left: share(left), width: share(right - left) }}
        title={words}
        aria-label={words}
        onClick={() => attempt.run_id && onOpen(attempt.run_id)}
      >
        <Glyph name={glyphOfAttempt(attempt)} />
        <span>{attempt.name}</span>
      </button>
      {expected > right && (
        <div className="gpurun-expected" style={{ left: share(right), width: share(expected - right) }} title={trans.__('expected')} />
      )}
    </>
  );
}

const ROOM_FOR_NOW = 0.06;

function Ticks({ axis, span, now }: { axis: Axis; span: Span; now: number }): JSX.Element {
  const shape: Intl.DateTimeFormatOptions =
    span === 'week' ? { weekday: 'short', day: 'numeric' } : { hour: '2-digit', minute: '2-digit' };
  return (
    <>
      {ticksOf(axis)
        .map(time => ({ time, place: placeOn(axis, time) }))
        .filter(({ place }) => Math.abs(place - placeOn(axis, now)) > ROOM_FOR_NOW)
        .map(({ time, place }) => (
          <span key={time} className="gpurun-tick" style={{ left: share(place) }}>
            {new Date(time * 1000).toLocaleString(undefined, shape)}
          </span>
        ))}
    </>
  );
}

const MOST_ROWS = 200;

function AttemptsTable({ timeline, now, trans, onOpen }: TimelineProps): JSX.Element {
  const [open, setOpen] = React.useState(false);
  return (
    <details onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>{trans.__('As a table')}</summary>
      {open && (
        <table className="gpurun-overview-table">
          <thead>
            <tr>
              {[trans.__('Run'), trans.__('State'), trans.__('Owner'), trans.__('Devices'), trans.__('Start'), trans.__('Time')].map(head => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {timeline.attempts.slice(0, MOST_ROWS).map(attempt => (
              <tr key={keyOf(attempt)}>
                <td>
                  {attempt.run_id ? <RunLink id={attempt.run_id} name={attempt.name} onOpen={onOpen} /> : attempt.name}
                </td>
                <td>{stateOfAttempt(attempt, trans)}</td>
                <td>{attempt.owner}</td>
                <td>{attempt.devices.join(', ')}</td>
                <td>{new Date(attempt.start * 1000).toLocaleString()}</td>
                <td className="gpurun-number">{format.took((attempt.end ?? now) - attempt.start)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

/** The name of a run; a click opens its page. */
export function RunLink({ id, name, onOpen }: { id: string; name: string; onOpen: (id: string) => void }): JSX.Element {
  return (
    <button type="button" className="gpurun-run-link" data-run-id={id} onClick={() => onOpen(id)}>
      {name}
    </button>
  );
}

/** Of others' runs there is no id; on a device at a time there is one attempt. */
function keyOf(attempt: Attempt): string {
  return `${attempt.run_id ?? attempt.owner}/${attempt.attempt}/${attempt.agent}/${attempt.devices.join()}/${attempt.start}`;
}

function attemptWords(attempt: Attempt, now: number, trans: Translate): string {
  const time = format.took((attempt.end ?? now) - attempt.start);
  return [
    `${attempt.name}: ${stateOfAttempt(attempt, trans)}`,
    trans.__('by %1', attempt.owner),
    trans.__('since %1, for %2', new Date(attempt.start * 1000).toLocaleString(), time),
    attempt.attempt > 1 ? trans.__('attempt %1', attempt.attempt) : ''
  ]
    .filter(line => line)
    .join('\n');
}

function share(part: number): string {
  return `${(100 * part).toFixed(3)}%`;
}
