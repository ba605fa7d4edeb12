/** The sidebar as other plugins see it: what it knows, what a person has chosen, and a place for sections of theirs. */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { PanelWithToolbar } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';
import type { PanelModel } from './panelmodel';
import type { Settings } from './settings';

export interface Section {
  /** As the settings name it. */
  name: string;
  label: string;
  body: Widget;
  /** At the right of the section's head. */
  head?: Widget;
  /** Tells that it may need another height. */
  changed?: ISignal<unknown, void>;
}

export interface ISidebar {
  readonly model: PanelModel;
  readonly settings: Settings;
  /** Add a section below those there are. */
  addSection(section: Section): PanelWithToolbar;
}

export const ISidebar = new Token<ISidebar>('gpurun-lab:ISidebar', 'The sidebar of gpurun: its model, settings and sections.');
