"""What the executable runs: the command, or at once the host of one driver, which needs nothing of the command's."""

import os
import sys

# The start-up of a bundle puts its own folder here, for this process alone: what it starts loads the system's libraries.
_before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if _before is not None:
    os.environ["LD_LIBRARY_PATH"] = _before
else:
    os.environ.pop("LD_LIBRARY_PATH", None)

if sys.argv[1:] == ["driver-host"]:
    from agent.hosting.child import main as serve

    sys.exit(serve())

from agent.cli import main

main(prog_name="groundwire")
