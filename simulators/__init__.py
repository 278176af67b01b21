"""Stand-in CRMs: separate HTTP servers that behave as the real APIs do. They share no code with the product."""
