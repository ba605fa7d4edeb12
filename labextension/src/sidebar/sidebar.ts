/** The sidebar as other plugins see it: a place for sections of theirs. */
import { Token } from '@lumino/coreutils';
import type { PanelWithToolbar } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

export interface Section {
  /** As the settings name it. */
  name: string;
  label: string;
  body: Widget;
  /** At the right of the section's head. */
  head?: Widget;
}

export interface ISidebar {
  /** Add a section below those there are. */
  addSection(section: Section): PanelWithToolbar;
}

export const ISidebar = new Token<ISidebar>('gpurun-lab:ISidebar', 'The sidebar of gpurun: its sections.');
