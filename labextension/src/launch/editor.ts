/** The YAML editor: JupyterLab's own, with the problems at their lines and completion from the schema. */
import { autocompletion, CompletionContext } from '@codemirror/autocomplete';
import { Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorView } from '@codemirror/view';
import type { Text } from '@codemirror/state';
import type { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { LaunchModel } from './launchmodel';
import { offersAt } from './offers';
import type { Problem } from './types';

export class LaunchEditor extends Widget {
  private editor: CodeEditor.IEditor;
  private shown: readonly Problem[] = [];

  constructor(
    private model: LaunchModel,
    services: IEditorServices,
    label: string
  ) {
    super();
    this.addClass('gpurun-launch-editor');
    this.editor = services.factoryService.newDocumentEditor({
      host: this.node,
      model: model.editing,
      config: { lineNumbers: true, searchWithCM: true, scrollPastEnd: false, tabFocusable: true },
      extensions: [
        lintGutter(),
        autocompletion({ icons: false, override: [context => this.offers(context)] }),
        EditorView.contentAttributes.of({ 'aria-label': label })
      ]
    });
    model.changed.connect(this.drawProblems, this);
    model.jumped.connect(this.goTo, this);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.model.changed.disconnect(this.drawProblems, this);
      this.model.jumped.disconnect(this.goTo, this);
      this.editor.dispose();
      super.dispose();
    }
  }

  focus(): void {
    this.editor.focus();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.view.requestMeasure(); // CodeMirror cannot measure what is hidden
  }

  protected onResize(): void {
    this.view.requestMeasure();
  }

  private get view(): EditorView {
    return (this.editor as CodeMirrorEditor).editor;
  }

  private offers(context: CompletionContext) {
    const { schema } = this.model;
    const found = schema && offersAt(schema, context.state.doc.toString(), context.pos);
    return found && (context.explicit || found.from < context.pos) ? found : null; // unasked only for what somebody has begun to type
  }

  private drawProblems(): void {
    const problems = this.model.preview?.problems ?? [];
    if (this.model.isFresh && problems !== this.shown) { // their places are of the text that was checked
      this.shown = problems;
      const { state } = this.view;
      this.view.dispatch(setDiagnostics(state, problems.map(problem => marked(problem, state.doc))));
    }
  }

  private goTo(_: LaunchModel, { line, column }: { line: number; column: number }): void {
    const at = offsetOf(this.view.state.doc, line, column);
    this.view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
    this.editor.focus();
  }
}

function marked(problem: Problem, doc: Text): Diagnostic {
  const from = offsetOf(doc, problem.line, problem.column);
  const rest = /^[^\s:,\]}]*/.exec(doc.sliceString(from, doc.lineAt(from).to))?.[0].length ?? 0;
  return { from, to: from + rest, severity: 'error', message: [problem.message, problem.hint].filter(part => part).join('\n') };
}

function offsetOf(doc: Text, line: number, column: number): number {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const before = [...at.text].slice(0, column - 1).join(''); // the server counts characters, not UTF-16 units
  return at.from + before.length;
}
