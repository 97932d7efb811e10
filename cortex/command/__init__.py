"""Where the command `cortex` starts: installed as `cortex_command`, outside of the package.

pycortex, which draws maps of fMRI data, is imported as `cortex` too. Where both are installed
either may be found, or parts of both, and whoever meets the wrong one should read why.
"""


def main() -> None:
    """The command, or the one line that it cannot start with."""
    import os
    import sys
    from importlib.util import find_spec

    found = find_spec("cortex")
    folder = os.path.dirname((found and found.origin) or "")
    if os.path.exists(os.path.join(folder, "polyutils")):
        print(
            "error: pycortex is installed in this environment too, and both are imported as "
            "`cortex`: keep them in environments of their own",
            file=sys.stderr,
        )
        raise SystemExit(2)
    from cortex.cli import main as start

    start()
