"""One module for each subcommand of `stas`; each has `run(args) -> exit status`."""
