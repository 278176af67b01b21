"""What the log's server need not hold any more: events in segments, states in snapshots, and documents.

``manifest`` says what there is and is the truth, ``files`` keep it, ``blocks`` and ``segments`` are its form,
``archive`` reads, ``archiver`` writes and trims, ``whole`` is archive and live log as one.
"""
