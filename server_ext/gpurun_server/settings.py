"""Settings that more than one program of the server side needs; the extension's own are traits of `app.GpurunApp`."""

from __future__ import annotations

import os

#: The environment variable that names the database. It may hold a password, so it is never passed as an argument.
DATABASE_VARIABLE = "GPURUN_DB"

#: CPU slots that a local agent offers where nothing is said.
DEFAULT_CPU_SLOTS = os.cpu_count() or 1

#: The largest body of POST runs/zip and of POST blobs/zip.
MAX_UPLOAD_BYTES = 2 * 2**30

#: The largest single file, as a data set may hold.
MAX_BLOB_BYTES = 2**40
