"""The command `gateway`, also as `python -m gateway`."""

from __future__ import annotations

import sys

from gateway.signals import mind_start


def main() -> int:
    """Run the command line; `gateway run` is asked to end and to reload in ways that its imports must not delay."""
    if sys.argv[1:2] == ["run"]:
        mind_start()
    from gateway import cli  # here: it imports nearly everything

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
