"""Run scripts from a process that has imported torch and the mm packages.

Importing them takes ten seconds, a tool on tiny data two. Every line of
standard input is a request; a fork of this process becomes the script, as
``python script arguments`` would be, and its exit code is the answer.
"""

import gc
import json
import os
import runpy
import sys


def become(script, arguments, cwd, env, output, errors):
    """Be ``python script arguments`` from here on."""
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, output, os.O_WRONLY),
        (2, errors, os.O_WRONLY),
    ):
        os.dup2(os.open(path, flags), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    runpy.run_path(script, run_name='__main__')


def main():
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # some packages print while they are imported
    import mmlatte.apis  # noqa: F401

    gc.freeze()  # what is shared is not looked through at exits
    for line in sys.stdin:
        process = os.fork()
        if not process:
            become(**json.loads(line))
            return
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


if __name__ == '__main__':
    main()
