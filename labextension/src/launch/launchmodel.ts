/** A launch file that is being written: its text, what the server says of it, and what became of it. */
import { CodeEditor } from '@jupyterlab/codeeditor';
import { ISignal, Signal } from '@lumino/signaling';
import { UUID } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { Api } from '../server/api';
import type { Launched, Preview, Schema } from './types';

const QUIET_MS = 300; // after the last key

export class LaunchModel implements IDisposable {
  readonly editing: CodeEditor.IModel;
  schema: Schema | null = null;
  /** The newest that was said, of this text or, while `isFresh` is false, of the one before. */
  preview: Preview | null = null;
  isFresh = false;
  isSending = false;
  error = '';
  launched: Launched | null = null;
  isDisposed = false;
  private readonly told = new Signal<this, void>(this);
  private readonly wanted = new Signal<this, { line: number; column: number }>(this);
  private timer = 0;
  private asking: Promise<void> | null = null;
  private again = false;

  private place: string;
  private own: CodeEditor.Model | null = null;

  /** Of a document that is open, or of a text that has no file. */
  constructor(
    private api: Api,
    { text = '', path = '', editing }: { text?: string; path?: string; editing?: CodeEditor.IModel }
  ) {
    this.place = path;
    if (!editing) {
      this.own = new CodeEditor.Model({ mimeType: 'text/x-yaml' });
      this.own.sharedModel.setSource(text);
    }
    this.editing = editing ?? (this.own as CodeEditor.Model);
    this.editing.sharedModel.changed.connect(this.onText, this);
    void this.load();
  }

  get changed(): ISignal<this, void> {
    return this.told;
  }

  /** Where somebody wants to look. */
  get jumped(): ISignal<this, { line: number; column: number }> {
    return this.wanted;
  }

  get text(): string {
    return this.editing.sharedModel.getSource();
  }

  set text(text: string) {
    if (text !== this.text) {
      this.editing.sharedModel.setSource(text);
    }
  }

  /** The path of its file; empty where it has none. What it names is seen from there. */
  get path(): string {
    return this.place;
  }

  set path(path: string) {
    this.place = path;
    void this.check();
  }

  get canLaunch(): boolean {
    return this.isFresh && !this.isSending && this.preview !== null && !this.preview.problems.length;
  }

  /** Show a place in the editor. */
  jump(line: number, column: number): void {
    this.wanted.emit({ line, column });
  }

  /** Ask the server about the text as it is now. One question at a time: a large directory takes it a while. */
  check(): Promise<void> {
    window.clearTimeout(this.timer);
    this.again = this.asking !== null; // the answer that is under way may be about another text
    this.asking ??= this.ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  /** Queue the runs; `first`: ahead of the others that wait of the same person. */
  async launch(first: boolean): Promise<void> {
    if (!this.canLaunch) {
      return;
    }
    Object.assign(this, { isSending: true, launched: null, error: '' });
    this.told.emit();
    try {
      this.launched = await this.api.launch(this.text, this.place, first, UUID.uuid4()); // of this press of the button, however often it is sent
    } catch (error) {
      this.error = sentenceOf(error);
    }
    this.isSending = false;
    this.told.emit();
    await this.check();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.isDisposed = true;
      window.clearTimeout(this.timer);
      this.editing.sharedModel.changed.disconnect(this.onText, this);
      Signal.clearData(this);
      this.own?.dispose();
    }
  }

  private async load(): Promise<void> {
    const checked = this.check();
    this.schema = await this.api.launchSchema().catch(() => null);
    await checked;
    if (!this.isDisposed) {
      this.told.emit();
    }
  }

  private async ask(): Promise<void> {
    do {
      this.again = false;
      const asked = this.text;
      const answer = await this.api.checkLaunch(asked, this.place).catch(sentenceOf);
      if (this.isDisposed) {
        return;
      }
      if (typeof answer === 'string') {
        this.error = answer;
      } else if (!this.again && asked === this.text) { // else it is about what was before
        Object.assign(this, { preview: answer, isFresh: true, error: '' });
      }
      this.told.emit();
    } while (this.again);
  }

  private onText(): void {
    Object.assign(this, { isFresh: false, launched: null });
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.check(), QUIET_MS);
    this.told.emit();
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
