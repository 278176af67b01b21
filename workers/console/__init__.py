"""The console: a few pages, rendered here, for those who look after the sync."""

from workers.console.pages import problem, router

__all__ = ["problem", "router"]
