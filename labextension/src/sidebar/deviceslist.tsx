/** The DEVICES section of the sidebar: each machine, each GPU with who has it, CPU slots in one line. */
import React from 'react';
import * as format from '../look/format';
import { MenuButton } from '../look/menubutton';
import { behindWords, dots, syncWords } from '../look/sentences';
import { counted, isBusy } from './panelmodel';
import { Glyph, Meter } from './panelparts';
import type { Agent, Device, DeviceProcess } from '../server/types';
import type { Translate } from '../look/words';

const MOST_PIPS = 16;
const LONG_NAME = 16; // letters; of a longer one the last NAME_END are always shown
const NAME_END = 6;

export interface DevicesListProps {
  agents: readonly Agent[];
  loaded: boolean;
  trans: Translate;
  onOpen: (runId: string) => void;
  /** Let another machine join; without it there is no button. */
  onAdd?: () => void;
}

export function DevicesList(props: DevicesListProps): JSX.Element {
  const { agents, loaded, trans } = props;
  if (!agents.length) {
    return loaded ? <p className="gpurun-empty">{trans.__('No machine offers devices yet.')}</p> : <div />;
  }
  return (
    <div className="gpurun-devices">
      {agents.map(agent => (
        <AgentDevices key={agent.id} agent={agent} {...props} />
      ))}
      <MachineNews agents={agents} trans={trans} />
      {counted(agents)[0]?.kind === 'cpu' && <NoGpu trans={trans} />}
      {props.onAdd && (
        <button type="button" className="gpurun-add-machine" onClick={props.onAdd}>
          {trans.__('Add a machine…')}
        </button>
      )}
    </div>
  );
}

function NoGpu({ trans }: { trans: Translate }): JSX.Element {
  return (
    <details className="gpurun-no-gpu">
      <summary>{trans.__('No GPU here: runs get CPU slots')}</summary>
      <p>{trans.__('GPUs are found by the NVIDIA driver of this machine: those that nvidia-smi lists are shown here by themselves.')}</p>
      <p>
        {trans.__('If one is missing, say in a notebook:')} <code>%gpurun doctor</code>
      </p>
    </details>
  );
}

/** `3 of 6 busy`: of the GPUs, or of the CPU slots where there is no GPU. */
export function busyWords(agents: readonly Agent[], trans: Translate): string {
  const devices = counted(agents);
  return devices.length ? trans.__('%1 of %2 busy', devices.filter(isBusy).length, devices.length) : '';
}

function AgentDevices({ agent, trans, onOpen }: DevicesListProps & { agent: Agent }): JSX.Element {
  const gpus = agent.devices.filter(device => device.kind !== 'cpu');
  const slots = agent.devices.filter(device => device.kind === 'cpu');
  return (
    <section className="gpurun-agent" data-agent={agent.id} data-health={agent.health} data-removable={agent.removable === true}>
      <div className="gpurun-agent-head">
        <h3 title={machineHover(agent, trans)}>
          <MachineName name={agent.id} />
          <Health agent={agent} trans={trans} />
        </h3>
        {agent.removable && <MenuButton label={trans.__('More about %1', agent.id)} />}
      </div>
      {gpus.map(device => (
        <Gpu key={device.id} device={device} trans={trans} onOpen={onOpen} />
      ))}
      {slots.length > 0 && <CpuSlots slots={slots} trans={trans} onOpen={onOpen} />}
    </section>
  );
}

/** A name that is too long loses its middle: machines are often told apart by the ends of their names. */
function MachineName({ name }: { name: string }): JSX.Element {
  const cut = name.length > LONG_NAME ? name.length - NAME_END : name.length;
  return (
    <span className="gpurun-host">
      <span className="gpurun-host-begin">{name.slice(0, cut)}</span>
      <span>{name.slice(cut)}</span>
    </span>
  );
}

function Health({ agent, trans }: { agent: Agent; trans: Translate }): JSX.Element | null {
  const words = healthWords(agent, trans);
  return words ? (
    <span className="gpurun-health">
      {agent.sync !== 'syncing' && <Glyph name="warning" />}
      {words}
    </span>
  ) : null;
}

/** What is wrong with a machine or its way; nothing where all is well. */
function healthWords(agent: Agent, trans: Translate): string {
  switch (agent.health) {
    case 'healthy':
      return behindWords(agent, trans);
    case 'stale':
      return trans.__('silent for %1', format.elapsed(agent.heard_s_ago));
    default:
      return trans.__('disconnected, %1', format.about(agent.heard_s_ago, trans));
  }
}

/** How a machine is, without figures that change all the time. */
function stateOf(agent: Agent, trans: Translate): string {
  const health = { healthy: trans.__('healthy'), stale: trans.__('silent'), disconnected: trans.__('disconnected') };
  return agent.health === 'healthy' && agent.behind_s ? syncWords(agent, trans) : health[agent.health];
}

function machineHover(agent: Agent, trans: Translate): string {
  const host = agent.host === agent.id ? '' : trans.__('host %1', agent.host);
  const log = agent.sync ? trans.__('output of its runs: %1', syncWords(agent, trans)) : '';
  return [agent.id, host, stateOf(agent, trans), log, `gpurun ${agent.version}`].filter(line => line).join('\n');
}

/** Tells who listens of machines that come, go silent or come back. */
function MachineNews({ agents, trans }: { agents: readonly Agent[]; trans: Translate }): JSX.Element {
  const [news, setNews] = React.useState('');
  const known = React.useRef<Map<string, string> | null>(null);
  React.useEffect(() => {
    const now = new Map(agents.map(agent => [agent.id, stateOf(agent, trans)]));
    const changed = [...now].filter(([id, state]) => known.current && known.current.get(id) !== state); // at first all would be news
    known.current = now;
    if (changed.length) {
      setNews(dots(...changed.map(([id, state]) => `${id}: ${state}`)));
    }
  }, [agents, trans]);
  return (
    <span className="gpurun-unseen" role="status">
      {news}
    </span>
  );
}

interface DeviceProps {
  device: Device;
  trans: Translate;
  onOpen: (runId: string) => void;
}

function Gpu({ device, trans, onOpen }: DeviceProps): JSX.Element {
  const name = `gpu${device.index}`;
  const util = device.util ?? null;
  return (
    <div className="gpurun-device" data-device={name} data-busy={isBusy(device)} title={deviceHover(device, trans)}>
      <span className="gpurun-device-label">{name}</span>
      <Meter fraction={util === null ? null : util / 100} label={trans.__('Utilisation of %1', name)} />
      <span className="gpurun-percent">{util === null ? '–' : `${Math.round(util)} %`}</span>
      <span className="gpurun-memory">{format.memory(device.memory_used_bytes, device.memory_total_bytes)}</span>
      <span className="gpurun-holder">
        <Holder device={device} trans={trans} onOpen={onOpen} />
      </span>
    </div>
  );
}

/** Who has the device: a run of ours, somebody else's process, or nobody. */
function Holder({ device, trans, onOpen }: DeviceProps): JSX.Element {
  const { run_id: id, run_name: name } = device;
  if (id) {
    return (
      <button type="button" className="gpurun-holder-run" title={trans.__('Open %1', name || id)} onClick={() => onOpen(id)}>
        {name || id}
      </button>
    );
  }
  if (device.run_owner) {
    return <span className="gpurun-nobody">{trans.__('a run of %1', device.run_owner)}</span>;
  }
  if (device.locked_by) {
    return <span className="gpurun-nobody">{device.locked_by}</span>;
  }
  const foreign = (device.processes ?? []).find(process => !process.ours);
  return <span className="gpurun-nobody">{foreign ? foreignWords(foreign, trans) : trans.__('idle')}</span>;
}

function foreignWords(process: DeviceProcess, trans: Translate): string {
  return process.user
    ? trans.__('pid %1 of %2, not ours', process.pid, process.user)
    : trans.__('pid %1, not ours', process.pid);
}

function deviceHover(device: Device, trans: Translate): string {
  return [
    device.name,
    device.temperature ? `${Math.round(device.temperature)} °C` : '',
    device.power ? `${Math.round(device.power)} W` : '',
    ...(device.processes ?? []).map(process =>
      process.ours ? trans.__('pid %1, a run of gpurun', process.pid) : foreignWords(process, trans)
    )
  ]
    .filter(line => line)
    .join('\n');
}

function slotWords(slot: Device, trans: Translate): string {
  return slot.run_name ?? (slot.run_owner ? trans.__('a run of %1', slot.run_owner) : trans.__('idle'));
}

/** CPU slots: a pip for each, full where it is taken, and the runs that have them. */
function CpuSlots({ slots, trans, onOpen }: { slots: Device[]; trans: Translate; onOpen: (id: string) => void }): JSX.Element {
  const busy = slots.filter(isBusy);
  const words = busy.length ? trans.__('%1 of %2 busy', busy.length, slots.length) : trans.__('%1 idle', slots.length);
  return (
    <div className="gpurun-device gpurun-slots" data-slots={slots.length} data-busy={busy.length > 0}>
      <span className="gpurun-device-label">cpu</span>
      <span className="gpurun-pips">
        {slots.slice(0, MOST_PIPS).map(slot => (
          <span
            key={slot.id}
            className="gpurun-pip"
            data-device={`cpu${slot.index}`}
            data-busy={isBusy(slot)}
            title={`cpu${slot.index}: ${slotWords(slot, trans)}`}
          />
        ))}
      </span>
      <span className="gpurun-slot-words">{words}</span>
      {busy.length > 0 && (
        <span className="gpurun-holder">
          {busy.map(slot => (
            <Holder key={slot.id} device={slot} trans={trans} onOpen={onOpen} />
          ))}
        </span>
      )}
    </div>
  );
}
