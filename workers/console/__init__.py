"""The console: a few pages, rendered here, for those who look after the sync."""

from workers.console.pages import router

__all__ = ["router"]
