"""Measurements, each beside a peer or a ceiling taken in the same run."""
