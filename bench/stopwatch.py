"""Starts one command, waits for its end, and says on standard output what it took: its process id, then one line more.

Run as `python -I -S stopwatch.py ERRORS FOLDER PROGRAM ARGUMENT...`; ERRORS is the file that takes standard error. It
imports next to nothing: a process's largest size, as the kernel tells it, is at least that of the one that started it.
"""

import os
import sys
import time


def main(errors: str, folder: str, *command: str) -> None:
    """The second line: wait status, wall seconds, processor seconds, KiB of the largest process."""
    os.chdir(folder)
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [(0, os.devnull, os.O_RDONLY), (1, os.devnull, os.O_WRONLY), (2, errors, writing)]
    actions = [(os.POSIX_SPAWN_OPEN, number, name, flags, 0o600) for number, name, flags in files]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.write(1, b"%d\n" % process)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - start
    os.write(1, f"{status} {wall:.6f} {usage.ru_utime + usage.ru_stime:.6f} {usage.ru_maxrss}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
