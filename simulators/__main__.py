"""Start simulators: `python -m simulators hubspot|salesforce|both`.

Each prints one line of JSON (`name`, `url`, `pid`) to standard output once it listens and runs until SIGINT
or SIGTERM. A settings file is JSON of the form that `GET /_sim/settings` shows, any part of it.
"""

import argparse
import asyncio
import gc
import importlib
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.server import Listener
from simulators.snapshot import load, save
from simulators.tls import make_certificates

if TYPE_CHECKING:
    from simulators.base import Simulator

_GC_THRESHOLDS = (100_000, 50, 1000)  # hundreds of thousands of records live on: seldom look at all of them
_PORTS = {"hubspot": 8700, "salesforce": 8800}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators", description="Simulated CRMs.")
    parser.add_argument("which", choices=["hubspot", "salesforce", "both"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="0: any free port; for one simulator only")
    parser.add_argument("--hubspot-port", type=int, default=_PORTS["hubspot"])
    parser.add_argument("--salesforce-port", type=int, default=_PORTS["salesforce"])
    parser.add_argument("--settings", type=Path, help="JSON; for both: {hubspot: {...}, salesforce: {...}}")
    parser.add_argument("--people", type=int, default=0, help="seed this many people at the start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--snapshots",
        type=Path,
        help="folder: state is read from it at the start and written to it at the end",
    )
    parser.add_argument(
        "--tls", type=Path, help="HTTPS by an authority made on the spot: its ca.pem goes here"
    )
    parser.add_argument("--certificate", help="PEM file; with --key, HTTPS instead of HTTP")
    parser.add_argument("--key")
    return parser.parse_args()


def _settings(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    if arguments.settings is None:
        return {}
    loaded: dict[str, Any] = json.loads(arguments.settings.read_text())
    return loaded.get(name, {}) if arguments.which == "both" else loaded


def _listener(arguments: argparse.Namespace, name: str, tls: tuple[str, str] | None) -> Listener:
    simulator = _simulator(arguments, name)
    port = getattr(arguments, f"{name}_port")
    if arguments.which != "both" and arguments.port is not None:
        port = arguments.port
    return Listener(simulator, host=arguments.host, port=port, tls=tls)


def _simulator(arguments: argparse.Namespace, name: str) -> "Simulator":
    """The simulator of the snapshot, or else a new one with the people asked for."""
    snapshot = arguments.snapshots / f"{name}.snapshot" if arguments.snapshots else None
    if snapshot and snapshot.exists():
        simulator = load(snapshot)
        simulator.settings.change(_settings(arguments, name))
        simulator.settings_changed()
    else:
        simulator = importlib.import_module(f"simulators.{name}").create(_settings(arguments, name))
        if arguments.people:
            simulator.seed({"people": arguments.people, "seed": arguments.seed})
    simulator.snapshot = snapshot
    return simulator


def _tls(arguments: argparse.Namespace) -> tuple[str, str] | None:
    if arguments.tls:
        return make_certificates(arguments.tls).pair
    return (arguments.certificate, arguments.key) if arguments.certificate else None


async def _run(listeners: list[Listener]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, listeners)
    await asyncio.gather(*(listener.run(announce=True) for listener in listeners))


def _stop(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.stop()


def main() -> None:
    """Run the chosen simulators."""
    arguments = _arguments()
    names = list(_PORTS) if arguments.which == "both" else [arguments.which]
    tls = _tls(arguments)
    listeners = [_listener(arguments, name, tls) for name in names]
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    asyncio.run(_run(listeners))
    for listener in listeners:
        if listener.simulator.snapshot:
            save(listener.simulator, listener.simulator.snapshot)


if __name__ == "__main__":
    main()
