"""The CRMs as the stages see them: one gateway each, through the official client libraries."""
