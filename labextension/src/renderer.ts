/**
 * Draws the run view for `application/vnd.gpurun.run+json` ({run_id, summary, published}) in a cell's output, live from
 * the server. The notebook keeps only the id and a small summary, so the view outlives the kernel and goes on after a
 * reload.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import { FollowedRun, followRun, FollowOptions } from './follow';
import type { Run } from './types';

export const RUN_MIME_TYPE = 'application/vnd.gpurun.run+json';

/** Before the widget manager's -10, so that the live view is preferred to the widget beside it. */
const RANK = -20;

export interface RendererOptions extends FollowOptions {
  openRun: (id: string) => void;
}

class RunRenderer extends Widget implements IRenderMime.IRenderer {
  private shown: { id: string; view: FollowedRun } | null = null;

  constructor(private options: RendererOptions) {
    super();
    this.addClass('gpurun-output');
  }

  /** Called again when the cell updates its display: the view that is live stays. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { run_id: id, summary, published } = (model.data[RUN_MIME_TYPE] ?? {}) as Record<string, unknown>;
    if (typeof id !== 'string' || !id) {
      this.node.textContent = this.options.trans.__('This output names no run.');
      return;
    }
    if (this.shown?.id !== id) {
      this.shown?.view.dispose();
      this.node.textContent = '';
      const onOpen = () => this.options.openRun(id);
      this.shown = { id, view: followRun(this.node, id, { ...this.options, onOpen }) };
    }
    if (typeof published === 'number') {
      this.shown.view.setPublished(published);
    }
    const saved = asRun(id, summary);
    if (saved) {
      this.shown.view.setSaved(saved);
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.shown?.view.dispose();
      super.dispose();
    }
  }
}

const NOTHING_KNOWN: Omit<Run, 'id' | 'name'> = {
  project: '',
  owner: '',
  kind: 'cell',
  state: 'finished',
  outcome: null,
  reason: null,
  message: '',
  tags: [],
  gpu: 0,
  attempt: 1,
  agent: null,
  devices: [],
  created_at: 0,
  queued_at: null,
  started_at: null,
  finished_at: null,
  progress: null,
  metrics: {},
  waiting: null,
  revision: 0
};

/** A saved summary with everything that a Run has, or null: notebooks come from anywhere and hold anything. */
function asRun(id: string, summary: unknown): Run | null {
  if (!isObject(summary) || !('state' in summary)) {
    return null;
  }
  const saved = summary as Partial<Run>;
  return {
    ...NOTHING_KNOWN,
    ...saved,
    id,
    name: String(saved.name ?? id),
    devices: Array.isArray(saved.devices) ? saved.devices : [],
    metrics: isObject(saved.metrics) ? saved.metrics : {},
    progress: Array.isArray(saved.progress?.bars) ? saved.progress : null
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Make the renderer known. It is safe: text nodes only, and what it asks the server is checked there. */
export function addRunRenderer(registry: IRenderMimeRegistry, options: RendererOptions): void {
  registry.addFactory(
    { safe: true, mimeTypes: [RUN_MIME_TYPE], createRenderer: () => new RunRenderer(options) },
    RANK
  );
}
