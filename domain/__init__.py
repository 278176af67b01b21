"""What the sync knows and decides: values in, values out. No clock, no I/O, no logging."""
