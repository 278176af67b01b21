"""Names that tests share with the processes they start, whose own modules change what they import."""

POINTS = ("after_append", "before_commit", "after_commit", "after_claim", "after_http", "after_cursor")
FREEZING = ("before_commit", "after_claim", "after_http")
CHANCES, HITS, FROZEN = "chaos:chances", "chaos:hits", "chaos:frozen"

NEW = "touched/99"
"""An event that today's release does not know."""
