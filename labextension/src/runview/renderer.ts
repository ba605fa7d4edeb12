/**
 * Draws the run view for `application/vnd.gpurun.run+json` ({run_id, summary, published}) in a cell's output, live from
 * the server. The notebook keeps only the id and a small summary, so the view outlives the kernel and goes on after a
 * reload.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import { FollowedRun, followRun, FollowOptions } from './follow';
import { asRun } from './saved';
import type { Run } from '../server/types';

export const RUN_MIME_TYPE = 'application/vnd.gpurun.run+json';

/** Before the widget manager's -10, so that the live view is preferred to the widget beside it. */
const RANK = -20;

export interface RendererOptions extends FollowOptions {
  /** Shows the page of a run: its whole output, or one that ran it again. */
  openRun: (id: string) => void;
  /** Shows there what differs from the run before. */
  compareRun: (id: string) => void;
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
      this.node.textContent = ''; // the sentence that there is no run, perhaps
      const { openRun, compareRun } = this.options;
      const elsewhere = { onOpen: () => openRun(id), onDiff: () => compareRun(id), onRerun: (run: Run) => openRun(run.id) };
      this.shown = { id, view: followRun(this.node, id, { ...this.options, ...elsewhere }) };
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

/** Make the renderer known. It is safe: text nodes only, and what it asks the server is checked there. */
export function addRunRenderer(registry: IRenderMimeRegistry, options: RendererOptions): void {
  registry.addFactory(
    { safe: true, mimeTypes: [RUN_MIME_TYPE], createRenderer: () => new RunRenderer(options) },
    RANK
  );
}
