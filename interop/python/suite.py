# SPDX-License-Identifier: Apache-2.0
"""The Python client's suite. interop/run starts it and tells it what to run.

usage: suite.py URL HTTP KEYDIR WORKDIR < commands
"""

import faulthandler
import signal
import sys
import traceback

sys.dont_write_bytecode = True

import acks  # noqa: E402,F401
import basic  # noqa: E402,F401
import cursors  # noqa: E402,F401
import openid  # noqa: E402,F401
import security  # noqa: E402,F401
import streams  # noqa: E402,F401
import subscriptions  # noqa: E402,F401
import topics  # noqa: E402,F401
from ctx import SCENARIOS, Ctx  # noqa: E402


def main():
    faulthandler.register(signal.SIGUSR1)
    url, http, keys, work = sys.argv[1:5]
    out = sys.stdout
    sys.stdout = sys.stderr

    def say(text):
        out.write(text + "\n")
        out.flush()

    def ask(text):
        say(text)
        answer = sys.stdin.readline().strip()
        if answer != "ok":
            raise AssertionError(answer or "the driver is gone")

    for line in iter(sys.stdin.readline, ""):
        _, name, unique = line.split()
        ctx = Ctx(url, http, keys, work, unique, ask)
        try:
            if name not in SCENARIOS:
                raise AssertionError("no such scenario in this suite")
            SCENARIOS[name](ctx)
            ctx.close()
            say("@pass")
        except BaseException as e:  # pylint: disable=broad-except
            traceback.print_exc()
            say("@fail " + " ".join(f"{type(e).__name__}: {e}".split()))


main()
