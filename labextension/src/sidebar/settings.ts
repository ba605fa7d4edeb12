/** What a person has chosen in the settings of gpurun (schema/panel.json); the defaults until they are read. */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

export interface Choices {
  notices: 'none' | 'failures' | 'all';
  toasts: boolean;
  side: 'left' | 'right';
  hiddenSections: string[];
  runs: number;
  overviewSeconds: number;
}

const DEFAULTS: Choices = {
  notices: 'all',
  toasts: false,
  side: 'left',
  hiddenSections: [],
  runs: 50,
  overviewSeconds: 10
};

export class Settings {
  values: Choices = DEFAULTS;
  private signal = new Signal<this, void>(this);
  private stored: ISettingRegistry.ISettings | null = null;

  get changed(): ISignal<this, void> {
    return this.signal;
  }

  /** Read them, and follow what is changed in the settings editor. */
  async follow(registry: ISettingRegistry, plugin: string): Promise<void> {
    this.stored = await registry.load(plugin);
    this.stored.changed.connect(this.read, this);
    this.read();
  }

  async set<K extends keyof Choices>(name: K, value: Choices[K]): Promise<void> {
    await this.stored?.set(name, value);
  }

  private read(): void {
    this.values = { ...DEFAULTS, ...(this.stored?.composite as Partial<Choices>) };
    this.signal.emit();
  }
}
