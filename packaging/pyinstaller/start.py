"""What the executable runs: the command, or what it started itself for."""

import os
import sys

# The start of a bundle puts its own folder here, for this process alone: what it starts loads the system's libraries.
_before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if _before is not None:
    os.environ["LD_LIBRARY_PATH"] = _before
else:
    os.environ.pop("LD_LIBRARY_PATH", None)

# Nor is what it starts a part of this start: a process of this program finds its libraries by itself.
for _name in [name for name in os.environ if name.startswith("_PYI_")]:
    del os.environ[_name]

from agent.own_processes import run_work  # noqa: E402

code = run_work(sys.argv[1:])
if code is not None:
    sys.exit(code)

if sys.platform == "win32" and sys.argv[1:3] in (["service", "run"], ["service", "watch"]):
    # Windows gives a service 30 seconds until it answers, on a machine that is just starting too.
    from agent.service.windows import begin

    sys.exit(begin(sys.argv[2], sys.argv[3:]))

from agent.cli import main  # noqa: E402 - half of the program, which the others do without

main(prog_name="groundwire")
