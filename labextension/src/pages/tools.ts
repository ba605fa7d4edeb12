/** The toolbar of a run's page: what can be done with the run. */
import { CommandToolbarButton, Toolbar } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Translate } from '../look/words';

/** Add a button for each command that some plugin offers. */
export function addTools(toolbar: Toolbar, commands: CommandRegistry, run: string, trans: Translate): void {
  const tools: [string, string][] = [
    ['gpurun:open-launch', trans.__('Edit and Rerun')],
    ['gpurun:register-model', trans.__('Register as Model')],
    ['gpurun:insert-attach', trans.__('Insert in Notebook')],
    ['gpurun:copy-run-id', trans.__('Copy Id')],
    ['gpurun:delete-run', trans.__('Delete')]
  ];
  for (const [id, label] of tools) {
    if (commands.hasCommand(id)) {
      toolbar.addItem(id, new CommandToolbarButton({ commands, id, args: { run }, label, icon: undefined }));
    }
  }
}
