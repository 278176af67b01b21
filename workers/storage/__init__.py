"""Where the log and everything derived from it are kept."""
