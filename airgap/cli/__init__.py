"""The command line: parse, call a stage, render, exit code. The only reader of the clock."""
