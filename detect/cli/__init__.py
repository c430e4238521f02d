"""The `detect` command: parse, call, print."""
