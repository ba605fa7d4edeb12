/** Finds the run before a run, once there is something to compare, and how its metrics went. */
import { RunRequests } from '../server/requests';
import type { IRunServer } from '../server/server';
import { isLive, Measured, Previous, Run } from '../server/types';

const POINTS = 100; // more than a curve of the size of a word can show

export class Ghost {
  private asked = false;
  private disposed = false;

  constructor(
    private server: IRunServer,
    private id: string,
    private found: (previous: Previous | null) => void
  ) {}

  /** Called with the run whenever it changed; asks once, when there are metrics or the run is over. */
  look(run: Run): void {
    if (!this.asked && (Object.keys(run.metrics).length || !isLive(run))) {
      this.asked = true;
      void this.ask();
    }
  }

  dispose(): void {
    this.disposed = true;
  }

  /** A ghost is an addition: without it the view is as it was. */
  private async ask(): Promise<void> {
    try {
      const { run } = await new RunRequests(this.server.api, this.id).previous();
      const told = run && Object.keys(run.metrics).length ? await new RunRequests(this.server.api, run.id).metrics(POINTS) : null;
      const curves = Object.entries(told?.metrics ?? {}).map(([name, { value }]): [string, Measured[]] => [name, value]);
      if (run && !this.disposed) {
        this.found({ run, curves: Object.fromEntries(curves) });
      }
    } catch (error) {
      console.warn(`The run before ${this.id} was not found`, error);
    }
  }
}
