"""How the expected explanations are written anew: pytest tests/workers/explain --rewrite-explanations."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-explanations",
        action="store_true",
        help="Write the expected explanations anew; read what has changed before you commit it.",
    )
