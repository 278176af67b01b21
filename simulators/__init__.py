"""Stand-in CRMs: HTTP servers that behave as the real APIs do; they share no code with the product."""
