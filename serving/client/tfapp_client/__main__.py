"""Runs the command `tfapp-client` as `python -m tfapp_client`."""

from __future__ import annotations

import sys

from tfapp_client.command_line import main

if __name__ == "__main__":
    sys.exit(main())
