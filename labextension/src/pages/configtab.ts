/** The configuration of a run as YAML, to be read, run again or edited; and the environment that it found. */
import { stringify } from 'yaml';
import { element } from '../look/dom';
import * as format from '../look/format';
import type { Environment, Origin } from '../server/requests';
import type { Drawn, ReadOnly } from './readonly';
import { isHeardOf } from '../server/types';
import { note, pageButton, PageParts, Tab, table } from './tab';

const OF_MLFLOW = 'mlflow.'; // facts that its clients keep their own books with

export class ConfigTab extends Tab {
  private place = element('div', 'gpurun-tab-body');
  private drawn: Drawn | null = null;

  constructor(
    parts: PageParts,
    private readOnly: ReadOnly
  ) {
    super('config', parts.trans.__('Config'), parts);
    this.node.append(this.place);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.drawn?.dispose();
      super.dispose();
    }
  }

  protected async load(): Promise<void> {
    const { requests, trans } = this.parts;
    const [{ spec, meta, ...run }, told] = await Promise.all([requests.run(), requests.environment()]);
    this.drawn?.dispose();
    this.place.replaceChildren();
    const buttons = element('div', 'gpurun-page-buttons', this.place);
    const actions: [string, string][] = [
      [trans.__('Rerun'), 'gpurun:rerun-run'],
      [trans.__('Edit and rerun'), 'gpurun:open-launch']
    ];
    for (const [label, id] of isHeardOf(run) ? [] : actions) {
      const act = this.parts.command(id, { run: requests.id });
      if (act) {
        buttons.append(pageButton(label, act));
      }
    }
    const host = element('div', 'gpurun-config-code', this.place);
    this.drawn = await this.readOnly.show(host, stringify(spec), 'run.yaml', trans.__('Configuration of the run'));
    if (!isHeardOf(run)) { // of the others nobody here knows it
      element('h3', 'gpurun-tab-title', this.place).textContent = trans.__('Environment');
      this.environment(told.environment, told.origin);
    }
    const { parameters, ...facts } = meta ?? {};
    this.told(trans.__('Parameters that its code logged'), (parameters ?? {}) as Record<string, unknown>);
    const shown = Object.entries(facts).filter(([name]) => !name.startsWith(OF_MLFLOW));
    this.told(trans.__('Told by the run'), Object.fromEntries(shown));
  }

  /** What the run said of itself. */
  private told(title: string, facts: Record<string, unknown>): void {
    const { trans } = this.parts;
    const rows = Object.entries(facts).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
    if (rows.length) {
      element('h3', 'gpurun-tab-title', this.place).textContent = title;
      this.place.append(table(title, [trans.__('What'), trans.__('Value')], rows));
    }
  }

  private environment(environment: Environment | null, origin: Origin | null): void {
    const { trans } = this.parts;
    const facts = [...originFacts(origin, this.parts), ...(environment ? environmentFacts(environment, this.parts) : [])];
    if (facts.length) {
      this.place.append(table(trans.__('Environment'), [trans.__('What'), trans.__('Value')], facts));
    }
    if (!environment) {
      note(this.place, trans.__('It is written down when the run has begun.'));
      return;
    }
    const packages = Object.entries(environment.packages).sort(([a], [b]) => a.localeCompare(b));
    if (packages.length) {
      const box = element('details', 'gpurun-packages', this.place);
      element('summary', '', box).textContent = trans._n('%2 package', '%2 packages', packages.length, packages.length);
      box.append(table(trans.__('Packages'), [trans.__('Name'), trans.__('Version')], packages));
    }
  }
}

function originFacts(origin: Origin | null, { trans }: PageParts): [string, string][] {
  const commit = origin?.commit && (origin.dirty ? trans.__('%1, with changes', origin.commit) : origin.commit);
  return some([
    [trans.__('Notebook'), origin?.notebook],
    [trans.__('Cell'), origin?.cell],
    [trans.__('Directory'), origin?.directory],
    [trans.__('Commit'), commit]
  ]);
}

function environmentFacts(environment: Environment, { trans }: PageParts): [string, string][] {
  const devices = environment.devices.map(({ label, name, memory_bytes: memory }) =>
    [label, name, memory && label.startsWith('gpu') ? format.size(memory) : ''].filter(part => part).join(', ')
  );
  return some([
    [trans.__('Python'), environment.python],
    [trans.__('Interpreter'), environment.executable],
    [trans.__('Machine'), environment.host],
    [trans.__('System'), environment.platform],
    [trans.__('Devices'), devices.join('; ')],
    [trans.__('Driver'), environment.driver]
  ]);
}

function some(facts: [string, string | null | undefined][]): [string, string][] {
  return facts.filter((fact): fact is [string, string] => !!fact[1]);
}
