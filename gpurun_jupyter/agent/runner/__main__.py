"""`python -m gpurun_jupyter.agent.runner ATTEMPT_FOLDER` carries out the attempt in that folder."""

import signal
import sys

from gpurun_jupyter.agent.runner.main import main

if __name__ == "__main__":
    # A Ctrl-C at some terminal is not meant for us. SIG_IGN would be inherited, and the run could not be interrupted.
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(main(sys.argv[1]))
