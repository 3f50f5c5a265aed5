"""Runs the command line by `python -m tfapp`."""

from tfapp.cli.app import main

if __name__ == "__main__":
    main()
