/** Files that are called *.gpurun.yaml open as a Launch page, with all that JupyterLab does for documents. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { ToolbarButton, WidgetTracker } from '@jupyterlab/apputils';
import { ABCWidgetFactory, DocumentRegistry, DocumentWidget } from '@jupyterlab/docregistry';
import { saveIcon } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import { gpuIcon } from '../look/icons';
import type { Api } from '../server/api';
import { LaunchModel } from './launchmodel';
import { LaunchContent, LaunchPageOptions } from './launchpage';

/** The name of the factory, as *Open With* shows it. */
export const FACTORY = 'GPU Launch';
export const ENDING = '.gpurun.yaml';

const FILE_TYPE = 'gpurun-launch';

type Document = DocumentWidget<LaunchContent, DocumentRegistry.ICodeModel>;
type Shared = Pick<LaunchPageOptions, 'editors' | 'trans' | 'open'>;

class LaunchFactory extends ABCWidgetFactory<Document, DocumentRegistry.ICodeModel> {
  constructor(
    private app: JupyterFrontEnd,
    private api: Api,
    private shared: Shared
  ) {
    super({
      name: FACTORY,
      label: shared.trans.__('GPU Launch'),
      fileTypes: [FILE_TYPE, 'yaml'],
      defaultFor: [FILE_TYPE],
      modelName: 'text'
    });
  }

  protected createNewWidget(context: DocumentRegistry.CodeContext): Document {
    const path = () => this.app.serviceManager.contents.localPath(context.path); // without a drive, such as that of real-time collaboration
    const model = new LaunchModel(this.api, { editing: context.model, path: path() });
    const content = new LaunchContent({ ...this.shared, model, id: `gpurun-launch-${UUID.uuid4()}` });
    const widget: Document = new DocumentWidget({ content, context });
    context.pathChanged.connect(() => {
      model.path = path();
      content.describe();
    });
    const label = this.shared.trans.__('Save');
    widget.toolbar.addItem('save', new ToolbarButton({ label, icon: saveIcon, onClick: () => void context.save() }));
    return widget;
  }
}

/** Have JupyterLab know such files. */
export function addLaunchFiles(app: JupyterFrontEnd, api: Api, shared: Shared, restorer: ILayoutRestorer | null): void {
  app.docRegistry.addFileType({
    name: FILE_TYPE,
    displayName: shared.trans.__('GPU launch file'),
    extensions: [ENDING, '.gpurun.yml'],
    mimeTypes: ['text/x-yaml'],
    fileFormat: 'text',
    icon: gpuIcon
  });
  const factory = new LaunchFactory(app, api, shared);
  const tracker = new WidgetTracker<Document>({ namespace: 'gpurun-launch-files' });
  factory.widgetCreated.connect((_, widget) => {
    widget.title.icon = gpuIcon;
    widget.context.pathChanged.connect(() => void tracker.save(widget));
    void tracker.add(widget);
  });
  app.docRegistry.addWidgetFactory(factory);
  void restorer?.restore(tracker, {
    command: 'docmanager:open',
    args: widget => ({ path: widget.context.path, factory: FACTORY }),
    name: widget => widget.context.path
  });
}
