"""Programs that nobody here wrote read the simulators: `python -m tests.connectors`.

Each runs as published, from a virtual environment of its own with every version pinned. What it is given is
an account's credentials, a proxy that leads the CRM's host names to the simulators, and the authority that
signed the simulators' certificate; not a line of its code is replaced.
"""
