/** The ids of the registry's commands. */
export const ModelCommands = {
  open: 'gpurun:open-model',
  register: 'gpurun:register-model',
  promote: 'gpurun:promote-model',
  archive: 'gpurun:archive-model',
  download: 'gpurun:download-model',
  remove: 'gpurun:delete-model'
};
