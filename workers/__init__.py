"""The imperative shell: read, call the domain, commit, call the CRMs."""
