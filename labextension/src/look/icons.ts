/** The icon of gpurun in JupyterLab: a card with a fan, beside tabs and in the sidebar. */
import { LabIcon } from '@jupyterlab/ui-components';

const CARD =
  'M3 6h17a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H5v3H3V6Zm2 2v7h14V8H5Zm4 .8a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4Zm0 ' +
  '1.6a1.1 1.1 0 1 0 0 2.2 1.1 1.1 0 0 0 0-2.2Zm5-.9h3.5V11H14V9.5Zm0 2.6h3.5v1.5H14v-1.5ZM7 18h9v1.6H7V18Z';

export const gpuIcon = new LabIcon({
  name: 'gpurun:gpu',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">' +
    `<path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd" d="${CARD}"/></svg>`
});
