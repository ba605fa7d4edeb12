/** The overview's cards: what waits and why, use of the devices, projects, machines, numbers, storage. */
import React from 'react';
import * as format from '../look/format';
import { behindWords, dots, syncWords } from '../look/sentences';
import type { Translate } from '../look/words';
import type { Agent, Run, Status } from '../server/types';
import type { Project, Statistics, Timeline } from './answers';
import { RunLink } from './timeline';

interface CardProps {
  trans: Translate;
  onOpen: (id: string) => void;
}

export function Card({ title, children, wide }: { title: string; children: React.ReactNode; wide?: boolean }): JSX.Element {
  return (
    <section className="gpurun-card" data-wide={wide}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Table({ heads, rows }: { heads: string[]; rows: { key: string; cells: React.ReactNode[] }[] }): JSX.Element {
  return (
    <table className="gpurun-overview-table">
      <thead>
        <tr>
          {heads.map(head => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, cells }) => (
          <tr key={key}>
            {cells.map((cell, index) => (
              <td key={index} className={typeof cell === 'number' ? 'gpurun-number' : undefined}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function WaitingCard({ queue, trans, onOpen }: CardProps & { queue: readonly Run[] }): JSX.Element {
  const rows = queue.map(run => ({
    key: run.id,
    cells: [
      run.waiting?.position ?? '–',
      <RunLink key="run" id={run.id} name={run.name} onOpen={onOpen} />,
      run.state === 'created' ? trans.__('on hold: start it when you like') : (run.waiting?.why ?? ''),
      run.waiting?.starts_in_s ? trans.__('in about %1', format.about(run.waiting.starts_in_s, trans)) : trans.__('not known')
    ]
  }));
  const heads = [trans.__('Place'), trans.__('Run'), trans.__('Why it waits'), trans.__('Starts')];
  return (
    <Card title={trans.__('What waits')} wide>
      {rows.length ? <Table heads={heads} rows={rows} /> : <p className="gpurun-note">{trans.__('Nothing waits.')}</p>}
    </Card>
  );
}

export function ProjectsCard({ projects, trans, onOpen }: CardProps & { projects: readonly Project[] }): JSX.Element {
  const rows = projects.map(project => ({
    key: project.name,
    cells: [project.name, project.runs, project.outcomes.succeeded ?? 0, project.outcomes.failed ?? 0, <BestOf key="best" {...{ project, onOpen }} />]
  }));
  const heads = [trans.__('Project'), trans.__('Runs'), trans.__('Succeeded'), trans.__('Failed'), trans.__('Best')];
  return (
    <Card title={trans.__('Projects')}>
      {rows.length ? <Table heads={heads} rows={rows} /> : <p className="gpurun-note">{trans.__('No runs yet.')}</p>}
    </Card>
  );
}

function BestOf({ project: { best }, onOpen }: { project: Project; onOpen: (id: string) => void }): JSX.Element {
  return best ? (
    <>
      {best.metric} {format.value(best.value)} <RunLink id={best.run_id} name={best.run_name} onOpen={onOpen} />
    </>
  ) : (
    <>–</>
  );
}

export function UseCard({ timeline, statistics, trans }: CardProps & { timeline: Timeline; statistics: Statistics }): JSX.Element {
  const inAll = new Map(statistics.devices.map(use => [`${use.agent}:${use.device}`, use]));
  const rows = timeline.use.map(({ agent, device, busy }) => {
    const all = inAll.get(`${agent}:${device}`);
    const mean = busy.reduce((sum, part) => sum + part, 0) / busy.length;
    return {
      key: `${agent}:${device}`,
      cells: [`${agent}:${device}`, <UseCurve key="curve" busy={busy} />, `${Math.round(100 * mean)} %`, all?.runs ?? 0, format.took(all?.seconds ?? 0)]
    };
  });
  const heads = [trans.__('Device'), trans.__('Use'), trans.__('Mean'), trans.__('Runs in all'), trans.__('Time in all')];
  return (
    <Card title={trans.__('Use of the devices')}>
      {rows.length ? <Table heads={heads} rows={rows} /> : <p className="gpurun-note">{trans.__('No device was used in this time.')}</p>}
    </Card>
  );
}

/** The share in use over time; the mean stands beside it in words. */
function UseCurve({ busy }: { busy: readonly number[] }): JSX.Element {
  const points = busy.map((part, index) => `L${index},${(1 - part).toFixed(3)} L${index + 1},${(1 - part).toFixed(3)}`);
  return (
    <svg className="gpurun-use-curve" viewBox={`0 0 ${busy.length} 1`} preserveAspectRatio="none" aria-hidden="true">
      <path d={`M0,1 ${points.join(' ')} L${busy.length},1 Z`} />
    </svg>
  );
}

export function MachinesCard({ agents, trans }: CardProps & { agents: readonly Agent[] }): JSX.Element {
  const health = { healthy: trans.__('healthy'), stale: trans.__('silent'), disconnected: trans.__('disconnected') };
  const rows = agents.map(agent => {
    const slots = agent.devices.filter(device => device.kind === 'cpu').length;
    const gpus = agent.devices.length - slots;
    const heard = agent.health === 'healthy' ? '' : trans.__('not heard of for %1', format.elapsed(agent.heard_s_ago));
    const devices = dots(gpus ? trans._n('%1 GPU', '%1 GPUs', gpus) : '', slots ? trans._n('%1 CPU slot', '%1 CPU slots', slots) : '');
    return { key: agent.id, cells: [agent.id, dots(health[agent.health], heard || behindWords(agent, trans) || syncWords(agent, trans)), devices, agent.version] };
  });
  return (
    <Card title={trans.__('Machines')}>
      <Table heads={[trans.__('Machine'), trans.__('Health'), trans.__('Offers'), trans.__('Version')]} rows={rows} />
    </Card>
  );
}

export function NumbersCard({ statistics, trans }: CardProps & { statistics: Statistics }): JSX.Element {
  const { outcomes, outcomes_last_day: day, mean_duration_s: means } = statistics;
  const words = { succeeded: trans.__('Succeeded'), failed: trans.__('Failed'), cancelled: trans.__('Cancelled'), timed_out: trans.__('Timed out') };
  const rows = Object.entries(words).map(([outcome, word]) => ({
    key: outcome,
    cells: [word, day[outcome as keyof typeof words] ?? 0, outcomes[outcome as keyof typeof words] ?? 0]
  }));
  const kinds: Record<string, string> = { cell: trans.__('Cells'), dir: trans.__('Scripts'), notebook: trans.__('Notebooks'), files: trans.__('Imported'), logged: trans.__('Logged') };
  const took = Object.entries(means).map(([kind, seconds]) => trans.__('%1: %2 on average', kinds[kind] ?? kind, format.took(seconds)));
  return (
    <Card title={trans.__('Runs that are over')}>
      <Table heads={[trans.__('Outcome'), trans.__('Last 24 hours'), trans.__('In all')]} rows={rows} />
      <p className="gpurun-note">{dots(...took)}</p>
    </Card>
  );
}

export function StorageCard({ status, trans }: CardProps & { status: Status }): JSX.Element {
  const facts: [string, string][] = [
    [trans.__('Free disk'), format.size(status.disk_free_bytes)],
    [trans.__('State directory'), status.home],
    [trans.__('Database'), status.database],
    [trans.__('Version'), status.version]
  ];
  return (
    <Card title={trans.__('Storage')}>
      <dl className="gpurun-facts">
        {facts.map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
      </dl>
    </Card>
  );
}
