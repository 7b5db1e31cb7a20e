"""Run the command line with `python -m parity_eval`."""

from parity_eval.cli.app import main

if __name__ == "__main__":
    main()
