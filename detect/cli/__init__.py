"""The `detect` command: parse, call, print. One file a command; heavy modules are imported inside the commands."""
