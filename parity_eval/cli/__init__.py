"""The command line: one thin file per command, shared options, one error boundary."""
