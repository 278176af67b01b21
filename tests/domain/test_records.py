"""Folding what is shown of one record, against a dictionary of the newest versions."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from domain.events import RecordGone, RecordObserved
from domain.identity import Crm, FieldValue
from domain.records import EMPTY, Record, lose, observe, version_of

looks = st.lists(
    st.builds(
        lambda stamp, ticket, fields: RecordObserved(
            crm=Crm.SALESFORCE,
            object="Lead",
            id="1",
            fields={name: f"{value}/{stamp}/{ticket}" if value else None for name, value in fields.items()},
            modified_at=stamp,
            ticket=ticket,
            source="poll",
        ),
        st.integers(0, 4),
        st.integers(0, 20),
        st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)),
    ),
    max_size=12,
    unique_by=lambda look: look.ticket,
)


def fold(events: list[RecordObserved]) -> Record:
    record = EMPTY
    for event in events:
        record = observe(record, event).record
    return record


def newest(events: list[RecordObserved]) -> dict[str, tuple[tuple[int, int], FieldValue]]:
    seen: dict[str, tuple[tuple[int, int], FieldValue]] = {}
    for event in events:
        for name, value in event.fields.items():
            version = (event.modified_at, event.ticket)
            if name not in seen or seen[name][0] < version:
                seen[name] = (version, value)
    return seen


@given(looks)
def test_each_field_holds_its_newest_value_and_version(events: list[RecordObserved]) -> None:
    record, expected = fold(events), newest(events)
    assert record.values == {name: value for name, (_, value) in expected.items()}
    assert {name: version_of(record, name) for name in record.values} == {
        n: v for n, (v, _) in expected.items()
    }


@given(looks, st.integers(0, 99))
def test_neither_order_nor_repeats_matter(events: list[RecordObserved], seed: int) -> None:
    shuffled = events * 2
    Random(seed).shuffle(shuffled)
    one, other = fold(events), fold(shuffled)
    assert (one.values, one.seen, one.gone) == (other.values, other.seen, other.gone)
    assert {n: version_of(one, n) for n in one.values} == {n: version_of(other, n) for n in other.values}


def look(stamp: int, ticket: int, source: str = "poll", **more: bool | str) -> RecordObserved:
    return RecordObserved(
        crm=Crm.HUBSPOT,
        object="contacts",
        id="1",
        fields={"city": f"{stamp}"},
        modified_at=stamp,
        ticket=ticket,
        source=source,
        **more,  # type: ignore[arg-type]  # deleted, merged_into
    )


def gone(cause: str, at: int, ticket: int) -> RecordGone:
    return RecordGone(crm=Crm.HUBSPOT, object="contacts", id="1", cause=cause, at=at, ticket=ticket)


def test_an_older_look_does_not_bring_a_deleted_record_back() -> None:
    record = lose(fold([look(1, 1)]), gone("deleted", 5, 2))
    assert observe(record, look(3, 3, "webhook")).record.gone == "deleted"


def test_a_read_that_began_later_does_even_if_the_restore_left_the_stamp() -> None:
    record = lose(fold([look(1, 1)]), gone("deleted", 5, 2))
    assert observe(record, look(1, 3, "read")).record.gone == ""


def test_a_deletion_older_than_the_newest_look_is_no_news() -> None:
    assert lose(fold([look(9, 3)]), gone("deleted", 5, 2)).gone == ""


def test_a_merge_is_for_ever() -> None:
    record = observe(EMPTY, look(1, 1, deleted=True, merged_into="2")).record
    assert observe(record, look(9, 9)).record.gone == "merged"
    assert lose(record, gone("missing", 9, 9)).gone == "merged"
