"""The Celery app: queues, routes and how a worker behaves. No task bodies.

A task is a doorbell: it carries no data, so losing one, running it twice or late changes
nothing. That is why there is no result backend, no countdown and no schedule here, and
why a task that is cut short is simply rung again.

Importing this module starts nothing: settings are read when Celery first asks for its
configuration, and the embedded server is started when a worker starts.
"""

import gc
import os
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import celeryd_init, setup_logging, worker_ready
from kombu.connection import Connection

from workers import embedded
from workers.settings import Settings
from workers.telemetry import get_logger, set_up_logging

QUEUES = ("project", "control", "deliver", "read", "poll")
"""A task goes to the queue of its own name; all other tasks go to ``control``."""

ASKING = ("members", "memberships", "metadata", "notices")
"""Tasks that call the outside: they go to ``poll``, where a slow answer keeps no projector waiting."""

UNHEARD_SECONDS = 60
"""A doorbell that nobody has answered by then is dropped: the sweep has rung again meanwhile."""

MOST_CHILDREN = 4

LARGEST_CHILD_KB = 1_000_000
"""A child of that size leaves, and another one takes its place, as nothing but a leak makes necessary.

A task that was handed to it by then waits for the other one, which takes Celery up to five seconds, so no
child leaves for the number of tasks it has done. What projectors keep is a third of this.
"""

log = get_logger(__name__)


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's settings by Celery's own names, times in seconds."""
    return {
        "broker_url": settings.broker(),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # an absent broker is waited for, however long
        "broker_transport_options": {
            "visibility_timeout": 120,  # longer than any task but archiving, which may run twice at once
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,  # without one a publish may wait for ever
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        "imports": ("workers.tasks",),
        "task_default_queue": "control",
        "task_routes": {name: {"queue": name} for name in QUEUES}
        | {name: {"queue": "poll"} for name in ASKING},
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_retry_on_worker_lost": True,
        "task_annotations": {"*": {"max_retries": 3}},
        "task_soft_time_limit": 20,
        "task_time_limit": 30,
        "task_send_sent_event": True,
        "worker_send_task_events": True,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": children(os.cpu_count() or 1),
        "worker_max_memory_per_child": LARGEST_CHILD_KB,
        "worker_soft_shutdown_timeout": 5,
    }


def children(cores: int) -> int:
    """How many children a worker has: one folds while another archives, even on one core.

    Each keeps contacts in memory of its own, so a machine of many cores takes another worker for more.
    """
    return min(max(cores, 2), MOST_CHILDREN)


class Broker(Connection):
    """A connection that brings the embedded server back, if it is to that, before each attempt."""

    def ensure_connection(
        self, errback: Callable[[Exception, float], None] | None = None, *arguments: Any, **options: Any
    ) -> Any:
        """What a worker calls at its start and whenever it lost its connection; sweeps rest meanwhile."""

        def failed(error: Exception, seconds: float) -> None:
            _bring_back_the_embedded_server()
            if errback is not None:
                errback(error, seconds)

        _bring_back_the_embedded_server()
        return super().ensure_connection(failed, *arguments, **options)  # type: ignore[no-untyped-call]  # kombu's


class Amqp(AMQP):  # type: ignore[misc]  # Celery ships no types
    """Celery's messaging over such connections."""

    Connection = Broker


def _bring_back_the_embedded_server() -> None:
    """Start it anew, if it is the broker. One that does not start is waited for."""
    if app.conf.broker_url == Settings.load().broker():
        try:
            _bring_up_the_embedded_server()
        except embedded.EmbeddedServerError as error:
            log.warning("server_away", error=str(error))


def _bring_up_the_embedded_server(**_: object) -> None:
    """Start it if no other server is named and it does not run."""
    settings = Settings.load()
    if settings.redis_url is None:
        embedded.ensure(settings.data_dir, port=settings.embedded_port)


app = Celery("crmsync", amqp=Amqp)
app.add_defaults(lambda: configuration(Settings.load()))


def send(task: str, arguments: tuple[str, ...]) -> None:
    """Ring a doorbell. Raises what the broker's client raises."""
    app.send_task(task, args=arguments, expires=UNHEARD_SECONDS)


def spare_what_is_loaded(**_: object) -> None:
    """Have the garbage collector look no more at what stays for as long as the process lives.

    Looking through all modules holds up every thread, for a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()


def _log_our_way(**_: object) -> None:
    settings = Settings.load()
    set_up_logging(settings.log_level, settings.log_format)


setup_logging.connect(_log_our_way)
celeryd_init.connect(_bring_up_the_embedded_server)
worker_ready.connect(spare_what_is_loaded)
