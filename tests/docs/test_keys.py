"""The page of keys lists every key, in the words of the table that names them."""

from pathlib import Path

from workers.storage.keys import ALL

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_page_lists_exactly_the_keys_there_are() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert rows == [f"| `{k.name}` | {k.type} | {k.meaning} | {k.writer} | {k.lifetime} |" for k in ALL]
