/** Text as JupyterLab's editor shows it, to be read and not to be changed. */
import { IEditorLanguageRegistry, jupyterTheme } from '@jupyterlab/codemirror';
import { MergeView, unifiedMergeView } from '@codemirror/merge';
import { EditorState, Extension } from '@codemirror/state';
import { EditorView, lineNumbers } from '@codemirror/view';

/** Below this width two texts stand one under the other, line by line. */
const SIDE_BY_SIDE_PX = 800;
const UNCHANGED = { margin: 3, minSize: 6 };

/** Something drawn that has to be thrown away. */
export interface Drawn {
  dispose(): void;
}

export class ReadOnly {
  constructor(private languages: IEditorLanguageRegistry | null) {}

  /** Show a text; the language follows from the file's name. */
  async show(host: HTMLElement, text: string, fileName: string, label: string): Promise<Drawn> {
    const extensions = [...(await this.extensions(fileName, label)), lineNumbers()];
    const view = new EditorView({ parent: host, state: EditorState.create({ doc: text, extensions }) });
    return { dispose: () => view.destroy() };
  }

  /** Show what has become of a text. */
  async compare(host: HTMLElement, before: string, after: string, fileName: string, label: string): Promise<Drawn> {
    const extensions = [...(await this.extensions(fileName, label)), lineNumbers()];
    if (host.clientWidth >= SIDE_BY_SIDE_PX) {
      const sides = { a: { doc: before, extensions }, b: { doc: after, extensions } };
      const view = new MergeView({ ...sides, parent: host, collapseUnchanged: UNCHANGED, gutter: true });
      return { dispose: () => view.destroy() };
    }
    const merge = unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: UNCHANGED, gutter: true });
    const view = new EditorView({ parent: host, state: EditorState.create({ doc: after, extensions: [...extensions, merge] }) });
    return { dispose: () => view.destroy() };
  }

  private async extensions(fileName: string, label: string): Promise<Extension[]> {
    const found = this.languages?.findByFileName(fileName);
    const language = found ? await this.languages?.getLanguage(found) : null;
    return [
      jupyterTheme,
      EditorState.readOnly.of(true),
      EditorView.editable.of(false),
      EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }), // what cannot be edited gets the focus only by this
      ...(language?.support ? [language.support] : [])
    ];
  }
}
