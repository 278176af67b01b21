"""A Celery app whose one task does nothing: what carrying every event in a message would cost at least."""

from celery import Celery

app = Celery("bench", set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@app.task(name="noop")  # type: ignore[untyped-decorator]  # Celery ships no types
def noop(event: str) -> None:
    """Take an event, and do nothing with it."""
