"""Starts a command that outlives whoever starts it: python -S launch.py OUTPUT COMMAND...

Run by its path, so that nothing is imported that takes time. It prints the command's process id.
The command has a session of its own and no parent but init: Ray ends what an actor's process
started, and all of a process group, and is not to end what watches cameras. Nor is it to have what
Ray gives its own processes, if this user may undo that: less of the cores than others, and an end
before all others if memory is short.
"""

import os
import subprocess
import sys
from contextlib import suppress

if __name__ == "__main__":
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("0")
    with open(sys.argv[1], "ab") as output:
        started = subprocess.Popen(
            sys.argv[2:],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    print(started.pid)
