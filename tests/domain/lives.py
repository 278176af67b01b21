"""Lives for the laws: what happens in a connection, step by step, and what must be true of it in the end."""

import re
from collections import Counter
from dataclasses import dataclass, field

from domain import events as e
from domain.book import CLAIMS, DUPLICATES, ORPHANS, TIMERS, reads_queue
from domain.events import encode
from domain.identity import Crm, FieldValue, RecordRef
from domain.mapping import SyncRule
from domain.outcomes import OutcomeClass
from domain.policy import Section
from domain.projection import Projection
from domain.reasons import Reason
from domain.state import Contact, Intent, Once, Priority
from domain.upcasting import decode
from tests.domain.crms import HS, KEY, NAMES, RULES, SECTION, SF, Life, Row, Store, normal, sf_name

Act = tuple[str, int, int]
"""What happens, and two numbers that choose to whom and with which value."""

QUIET_ACTS = ("edit_hubspot", "edit_hubspot", "edit_salesforce", "edit_salesforce")
WORK_ACTS = (
    "hear",
    "hear",
    "project",
    "project_some",
    "read",
    "claim",
    "claim",
    "land",
    "claim_badly",
    "poll_one",
    "flow",
)
TURNS = (
    "join",
    "leave",
    "swap",
    "new_hubspot",
    "new_lead",
    "delete_hubspot",
    "delete_salesforce",
    "restore_hubspot",
    "restore",
    "convert",
    "merge",
    "merge_untold",
    "merge_salesforce",
    "clone",
    "choose",
    "erase",
)
CROSSINGS = (
    "cross_merge",
    "cross_merge",
    "cross_merge_salesforce",
    "cross_merge_salesforce",
    "cross_convert",
)
CHANGES = ("edit_hubspot", "edit_salesforce", "tick", "unsubscribe")
MOMENTS = ("had_left", "on_its_way", "unseen", "unanswered")
OPT_OUTS = ("tick", "tick", "untick", "unsubscribe", "resubscribe", "readdress", "readdress_salesforce")
DELETIONS = ("delete_salesforce", "delete_salesforce", "restore", "delete_hubspot", "join", "leave")
FATES = ("busy", "lost", "unsent", "slow", "never")
EDITED = ("firstname", "lastname", "city", "phone", "title", "note")


@dataclass
class Story:
    """One life, and the plain record of what people did in it since the last rest."""

    life: Life
    number: int = 0
    edits: dict[tuple[RecordRef, str], list[FieldValue]] = field(default_factory=dict)
    effective: int = 0
    erased: list[tuple[RecordRef, set[str]]] = field(default_factory=list)  #: (record, values it held)
    unticked: set[RecordRef] = field(default_factory=set)  #: Salesforce's, whose opt-out was ever taken back

    def act(self, act: Act) -> None:
        name, who, what = act
        if name in {"edit_hubspot", "edit_salesforce"}:
            self._edit(HS if name == "edit_hubspot" else SF, who, what)
        elif name in WORK_ACTS:
            self._work(name, who, what)
        elif name in OPT_OUTS:
            self._opting(name, who)
        elif name in CROSSINGS:
            self._cross(name.removeprefix("cross_"), who, what)
        else:
            self._turn(name, who, what)

    def _value(self, what: int) -> FieldValue:
        """A value nobody had before; now and then a blank."""
        self.number += 1
        return None if what % 5 == 0 else f"x{self.number}"

    def _edit(self, crm: Crm, who: int, what: int) -> None:
        rows = self.life.living(crm)
        if rows:
            row, ours = rows[who % len(rows)], EDITED[what % len(EDITED)]
            self._edit_row(row, ours, self._value(what // len(EDITED)))

    def _edit_row(self, row: Row, ours: str, value: FieldValue) -> None:
        name = ours if row.crm is HS else sf_name(ours, row.object)
        if ours == "lastname" and value is None:
            return
        if self.life.edit(row, name, value):
            self.edits.setdefault((row.ref, ours), []).append(row.fields[name])
            self.effective += 1

    def _work(self, name: str, who: int, what: int) -> None:
        life = self.life
        if name == "hear":
            life.hear(who)
        elif name == "project":
            life.project()
        elif name == "project_some":
            life.project(1 + what % 4)
        elif name == "read":
            life.read(who)
        elif name in {"claim", "claim_badly"}:
            life.claim(who, "ok" if name == "claim" else FATES[what % len(FATES)])
        elif name == "land" and life.air:
            life.land(who)
        elif name == "flow":
            life.flow(who)
        elif name == "poll_one" and life.rows:
            row = list(life.rows.values())[who % len(life.rows)]
            if row.crm is SF or not life.lost(row):
                life.late.append(life.look(row, "poll"))

    def _opting(self, name: str, who: int) -> None:
        """Somebody opts out or in on either side, or gets another address."""
        self.number += 1
        rows = self.life.living(HS if name in {"unsubscribe", "resubscribe", "readdress"} else SF)
        if rows:
            self._opt(name, rows[who % len(rows)])

    def _opt(self, name: str, row: Row) -> None:
        match name:
            case "tick" | "untick":
                changed = self.life.edit(row, "OptOut__c", "true" if name == "tick" else "false")
                self.unticked |= {row.ref} if changed and name == "untick" else set()
            case "unsubscribe" | "resubscribe":
                self.life.subscribe(row, out=name == "unsubscribe")
            case _:
                self.life.edit(row, "email" if row.crm is HS else "Email", f"new{self.number}@x.org")

    def _cross(self, move: str, who: int, what: int) -> None:
        """Somebody's change is sent to the other CRM while one of his records goes on as another."""
        life = self.life
        what, moment = divmod(what, len(MOMENTS))
        what, change = divmod(what, len(CHANGES))
        answered, again = divmod(what, 2)
        while answered and life.air:
            life.land()
        self._catch_up()
        people = [(contact.id, found) for contact in life.contacts() if (found := life.pair(contact))]
        if not people:
            return
        entity, (ours, theirs) = people[who % len(people)]
        other = self._second(move, ours, theirs)
        self._change(CHANGES[change], ours, theirs, who)
        self._catch_up()
        if MOMENTS[moment] != "had_left":
            self._send(entity, MOMENTS[moment])
        self._move(move, ours, theirs, other)
        self._hear_all()
        if MOMENTS[moment] == "had_left":
            self._send(entity, "had_left")
        if again:
            self._catch_up()
            self._change(CHANGES[change], ours, other or theirs, who)
            self._hear_all()
        life.project()

    def _second(self, move: str, ours: Row, theirs: Row) -> Row | None:
        """The other record of a merge: a new contact, or a duplicate of the lead."""
        self.number += 1
        if move == "merge":
            address = f"p{self.number}@x.org"
            return self.life.create(HS, "contacts", email=address, lastname="New", stage="lead")
        if move == "merge_salesforce":
            return self.life.create(SF, theirs.object, Email=theirs.email or ours.email, LastName="Clone")
        return None

    def _change(self, change: str, ours: Row, theirs: Row, which: int) -> None:
        row = ours if change in {"edit_hubspot", "unsubscribe"} else theirs
        if change in OPT_OUTS:
            self._opt(change, row)
        else:
            self._edit_row(row, EDITED[which % len(EDITED)], self._value(self.number))

    def _hear_all(self) -> None:
        while self.life.late:
            self.life.hear()

    def _catch_up(self) -> None:
        """Let everything that happened so far be heard of, and looked at."""
        self._hear_all()
        self.life.project()
        while self.life.read():
            self.life.project()

    def _send(self, entity: str, moment: str) -> None:
        """A write to one of somebody's records leaves, if one waits."""
        life, waiting = self.life, self.life.waiting()
        place = next((at for at, key in enumerate(waiting) if key.endswith(f"|{entity}")), None)
        if place is None:
            return
        life.claim(place, "lost" if moment == "unanswered" else "ok")
        if moment in {"unseen", "unanswered"}:
            life.project()
            life.land(-1)
            life.project()

    def _move(self, move: str, ours: Row, theirs: Row, other: Row | None) -> None:
        if move == "convert" and theirs.object == "Lead":
            self.life.convert(theirs)
        elif move == "merge" and other is not None:
            self.life.merge(other, ours)
        elif move == "merge_salesforce" and other is not None:
            self.life.merge_salesforce(other, theirs, filled=False)

    def _turn(self, name: str, who: int, what: int) -> None:
        self.number += 1
        if name in {"new_hubspot", "new_lead"}:
            self._begin(name)
            return
        if name == "choose":
            self._choose(who, what)
            return
        rows = self._chosen_from(name)
        if rows:
            self._befall(name, rows[who % len(rows)], rows[what % len(rows)])

    def _chosen_from(self, name: str) -> list[Row]:
        """The rows that something may befall."""
        if name in {"restore", "restore_hubspot"}:
            crm = SF if name == "restore" else HS
            return [
                row for row in self.life.rows.values() if row.crm is crm and row.deleted and not row.moved_to
            ]
        rows = self.life.living(SF if name in {"delete_salesforce", "convert", "merge_salesforce"} else HS)
        return [row for row in rows if name != "convert" or row.object == "Lead"]

    def _choose(self, who: int, what: int) -> None:
        """Somebody resolves a case, or chooses what cannot be chosen."""
        entities = sorted(self.life.store.queues.get(DUPLICATES, {}))
        if entities:
            contact = next(each for each in self.life.contacts() if each.id == entities[who % len(entities)])
            record = list(contact.records)[what % len(contact.records)]
            chosen = e.LinkChosen(entity=contact.id, record=record, by="test", request=str(self.number))
            self.life.append(chosen)

    def prepare(self, name: str, who: int, what: int) -> None:
        """Before the sync is there: a field of one side is blank, or another than the other side's."""
        rows = self.life.living(SF if name == "blank_salesforce" else HS)
        row, ours = rows[who % len(rows)], EDITED[what % len(EDITED)]
        field_name = ours if row.crm is HS else sf_name(ours, row.object)
        row.fields = {**row.fields, field_name: f"other{what}" if name == "differ" else None}

    def _begin(self, name: str) -> None:
        address = f"p{self.number}@x.org"
        if name == "new_hubspot":
            self.life.create(HS, "contacts", email=address, lastname="New", stage="lead")
        else:
            self.life.create(SF, "Lead", Email=address, LastName="New")

    def _befall(self, name: str, row: Row, other: Row) -> None:
        match name:
            case "join" | "leave":
                self.life.edit(row, "stage", "lead" if name == "join" else "other")
            case "convert":
                self.life.convert(row)
            case "clone" if row.email:
                self.life.create(SF, "Lead", Email=row.email, LastName="Clone")
            case "restore" | "restore_hubspot":
                self.life.restore(row)
            case "erase":
                self.erase(row)
            case "merge_salesforce" if row is not other and row.object == other.object:
                self.life.merge_salesforce(row, other)
            case "delete_hubspot" | "delete_salesforce":
                self.life.delete(row)
            case "swap" if row is not other:
                self._swap(row, other)
            case "merge" | "merge_untold" if row is not other:
                self.life.merge(row, other, told=name == "merge")

    def erase(self, row: Row) -> None:
        """A person is erased; what was known of him in HubSpot must be nowhere afterwards."""
        if row.merged and not row.told:
            return
        values = {value for name, value in row.fields.items() if value and name in NAMES}
        self.erased.append((row.ref, values))
        self.life.erase(row)

    def _swap(self, one: Row, other: Row) -> None:
        """Two people exchange their addresses, by way of a third one."""
        mine, yours = one.fields["email"], other.fields["email"]
        if not mine or not yours:
            return
        self.life.edit(one, "email", f"between{self.number}@x.org")
        self.life.edit(other, "email", mine)
        self.life.edit(one, "email", yours)

    def ask(self, entity: str, cause: str = "all") -> None:
        """Somebody asks for a contact to be synced."""
        self.number += 1
        self.life.append(e.SyncRequested(entity=entity, cause=cause, by="test", request=str(self.number)))

    def rest(self) -> None:
        """Let everything that is on its way arrive."""
        self.life.quiet()


def pairs(number: int, *, reload: bool = False, section: Section = SECTION) -> Story:
    """People who were in both CRMs before, in agreement; all are on the list, the last of several is not."""
    story = strangers(number, [], reload=reload, section=section)
    if number > 1:
        last = story.life.living(HS)[-1]
        story.life.edit(last, "stage", "other")
    story.rest()
    for contact in story.life.contacts():
        story.ask(contact.id)
    story.rest()
    return story


def strangers(
    number: int, preparing: list[Act], *, reload: bool = False, section: Section = SECTION
) -> Story:
    """People who were in both CRMs before, all on the list, and whom nothing has synced yet."""
    life = Life(reload=reload, section=section)
    life.checks.extend(CHECKS)
    for each in range(number):
        values: dict[str, FieldValue] = {ours: f"{ours}{each}" for ours in NAMES if ours != "note"}
        values["email"] = f"a{each}@x.org"
        life.new_row(HS, "contacts", {**values, "stage": "lead"}, "person")
        life.new_row(SF, "Lead", {sf_name(ours, "Lead"): value for ours, value in values.items()}, "person")
        life.tick(1_500)
    story = Story(life)
    for name, who, what in preparing:
        story.prepare(name, who, what)
    life.baseline()
    life.quiet()
    return story


def values_held(life: Life) -> set[tuple[str, str]]:
    """(contact, property) where at least one side has a value that its rule lets travel."""
    held: set[tuple[str, str]] = set()
    for contact in life.contacts():
        one, other = life.pair(contact) or (None, None)
        for ours in EDITED if one and other else ():
            assert one is not None
            assert other is not None
            both = {HS: one.fields[ours], SF: other.fields[sf_name(ours, other.object)]}
            held |= {(contact.id, f"{ours} in {crm}") for crm, value in both.items() if value is not None}
    return held


# -- what must be true of a life at rest


def every_trigger_is_closed_once(life: Life) -> None:
    """Law 6."""
    triggers = sum(number for name, number in life.store.counts.items() if name.startswith("triggers/"))
    assert (
        sum(number for name, number in life.store.counts.items() if name.startswith("decisions/")) == triggers
    )
    per_contact = Counter((entity, each.id) for entity, entries in life.closed().items() for each in entries)
    assert set(per_contact.values()) <= {1}
    assert not life.store.queues.get("open")
    for contact in life.contacts():
        assert contact.opened is None
        assert not any((contact.flying, contact.flights, contact.intents, contact.wait))
    reads = (reads_queue(crm, priority) for crm in Crm for priority in Priority)
    assert not any(life.store.queues.get(name) for name in (CLAIMS, TIMERS, *reads))


def one_record_each(life: Life) -> None:
    """Law 4: nobody was made a second record, unless the first was lost before anybody could see it."""
    seen = {event.ref for _, event in life.log if isinstance(event, e.RecordObserved)}
    made = Counter(
        (row.crm, row.fields[KEY if row.crm is SF else "salesforce_record_id"])
        for row in (written.row for written in life.writes if written.created)
        if row.ref in seen or not life.lost(row)
    )
    assert all(number == 1 for number in made.values()), made


def in_agreement(life: Life) -> None:
    """Law 3: both sides say the same in every synced field that nothing holds back."""
    for contact in life.contacts():
        found = life.pair(contact)
        if found is None or found[0].fields["stage"] != "lead" or contact.refused or contact.erased:
            continue
        for ours in NAMES:
            _agrees(contact, ours, *found)


def _agrees(contact: Contact, ours: str, one: Row, other: Row) -> None:
    name = sf_name(ours, other.object)
    held = {field for holds in contact.holds.values() for field in holds}
    mine, theirs = _unmarked(one.fields[ours]), _unmarked(other.fields[name])
    if ours == "note" or ours in held or name in held:
        return
    never_cleared = {"phone": theirs, "title": mine}.get(ours, "") is None
    alike = mine == theirs or normal(name, mine) == theirs or (ours == "email" and one.email == other.email)
    assert alike or never_cleared, (contact.id, ours, mine, theirs)


def _unmarked(value: FieldValue) -> FieldValue:
    """A value without the mark that an automation may have put to it; that is the side's own form."""
    return value.rstrip("~") if value else value


@dataclass
class Before:
    """What a linked pair held when people began to edit."""

    ours: RecordRef
    theirs: RecordRef
    values: dict[str, tuple[FieldValue, FieldValue]]


def remember(life: Life) -> list[Before]:
    """The pairs as they are now."""
    kept = []
    for contact in life.contacts():
        found = life.pair(contact)
        if found is not None and found[0].fields["stage"] == "lead":
            one, other = found
            values = {ours: (one.fields[ours], other.fields[sf_name(ours, other.object)]) for ours in NAMES}
            kept.append(Before(one.ref, other.ref, values))
    return kept


def edits_arrived(story: Story, before: list[Before]) -> None:
    """Where one side alone was edited, the rule says what both hold; where both were, one of them won."""
    held = {(key, name) for contact in story.life.contacts() for key, name in _held(contact)}
    for pair in before:
        one, other = story.life.rows[pair.ours], story.life.rows[pair.theirs]
        for ours in EDITED:
            name = sf_name(ours, other.object)
            if (one.ref.key, ours) in held or (other.ref.key, name) in held:
                continue
            mine = story.edits.get((pair.ours, ours), [])
            theirs = story.edits.get((pair.theirs, ours), [])
            expected = expected_values(RULES[ours], pair.values[ours], mine, theirs)
            now = (one.fields[ours], other.fields[name])
            if story.life.lost_answers and mine and theirs:  # writes that cross leave any of them the last
                expected += [(value, value) for value in (*mine, *theirs)]
            if _own_form_is_unclear(story, pair):
                expected += [(own, own) for own in (normal(name, value) for value in mine)]
            assert any(_same(name, now, each) for each in expected), (ours, now, expected, mine, theirs)


def _own_form_is_unclear(story: Story, pair: Before) -> bool:
    """Whether Salesforce's own form of our write may be taken for a person's: he saved the record since."""
    return bool(story.life.lost_answers) or any(ref == pair.theirs for ref, _ in story.edits)


def _held(contact: Contact) -> list[tuple[str, str]]:
    return [(contact.pair.get(crm, ""), name) for crm, holds in contact.holds.items() for name in holds]


def _same(name: str, now: tuple[FieldValue, FieldValue], expected: tuple[FieldValue, FieldValue]) -> bool:
    """Whether both hold what is expected; Salesforce, and after a lost answer both, in its own form."""
    own = normal(name, expected[1])
    return now in {expected, (expected[0], own), (own, own)}


def expected_values(
    rule: SyncRule,
    before: tuple[FieldValue, FieldValue],
    mine: list[FieldValue],
    theirs: list[FieldValue],
) -> list[tuple[FieldValue, FieldValue]]:
    """What (HubSpot, Salesforce) may hold in the end, by the words of the rule alone."""
    hubspot, salesforce = (mine or [before[0]])[-1], (theirs or [before[1]])[-1]
    if rule is SyncRule.DONT_SYNC:
        return [(hubspot, salesforce)]
    if not mine and not theirs:
        return [before]
    winners = _winners(rule, hubspot, salesforce, mine, theirs)
    return [(winner, winner) for winner in winners]


def _winners(
    rule: SyncRule,
    hubspot: FieldValue,
    salesforce: FieldValue,
    mine: list[FieldValue],
    theirs: list[FieldValue],
) -> list[FieldValue]:
    if rule is SyncRule.ALWAYS_HUBSPOT:
        return [hubspot]
    if rule is SyncRule.ALWAYS_SALESFORCE or (rule is SyncRule.PREFER_SALESFORCE and salesforce is not None):
        return [salesforce]
    return [value for value, edits in ((hubspot, mine), (salesforce, theirs)) if edits]


def deletions_followed(life: Life, before: list[Before]) -> None:
    """A contact goes with its Salesforce record if it may sync, and for no other reason."""
    for pair in before:
        one, other = life.rows[pair.ours], life.rows[pair.theirs]
        once_lost = any(
            isinstance(event, e.RecordObserved) and event.ref == pair.theirs and event.deleted
            for _, event in life.log
        )
        assert once_lost or one.id not in life.removed
        always_member = (pair.ours.key, "stage") not in {
            (event.ref.key, name)
            for _, event in life.log
            if isinstance(event, e.RecordObserved) and event.source == "webhook"
            for name in event.fields
        }
        if other.deleted and always_member:
            assert one.deleted, one.id


def opt_outs_stand(story: Story) -> None:
    """Whoever has opted out on one side has on both, unless he ever took that back himself."""
    for contact in story.life.contacts():
        found = story.life.pair(contact)
        if found is None or found[0].fields["stage"] != "lead" or contact.refused or contact.erased:
            continue
        one, other = found
        if other.fields["OptOut__c"] == "true" and one.email not in story.life.resubscribed:
            assert one.email in story.life.opted_out, one.email
        if one.email in story.life.opted_out and other.ref not in story.unticked:
            assert other.fields["OptOut__c"] == "true", other.ref


def only_orphans_are_deleted(life: Life, intent: Intent) -> None:
    """By the newest look, the Salesforce record is deleted; one that was restored meanwhile is spared."""
    if not intent.delete:
        return
    contact = next(each for each in life.contacts() if each.id == intent.entity)
    looks = [
        event
        for _, event in life.log[: life.folded]
        if isinstance(event, e.RecordObserved) and event.ref.key == contact.pair[SF]
    ]
    last = max(looks, key=lambda event: (event.modified_at, event.ticket))
    assert last.deleted or (intent.into and last.fields.get("IsConverted") == "true")


def the_erased_are_forgotten(story: Story) -> None:
    """No value that only an erased person had is kept anywhere but in the log."""
    life = story.life
    kept = [raw for table in life.store.tables.values() for raw in table.values()]
    kept += [key.encode() for table in life.store.tables.values() for key in table]
    kept += [raw for closed in life.store.decisions.values() for raw in closed]
    for ref, values in story.erased:
        contact = next(each for each in life.contacts() if ref.key in each.records)
        assert contact.erased or contact.pair.get(HS) != ref.key
        assert not contact.records[ref.key].values
        if not contact.erased:
            continue
        assert not any(record.values for record in contact.records.values())
        others = {
            value
            for _, event in life.log
            if isinstance(event, e.RecordObserved) and event.ref.key not in contact.records
            for value in event.fields.values()
        }
        for value in values - others:
            whole = re.compile(re.escape(value).encode() + rb"(?![0-9])")
            assert not any(whole.search(raw) for raw in kept), (ref, value)


def the_erased_are_left_alone(life: Life, intent: Intent) -> None:
    """Nothing is written for somebody of whom it was heard that he was erased."""
    contact = next(each for each in life.contacts() if each.id == intent.entity)
    gone = [event for _, event in life.log[: life.folded] if isinstance(event, e.RecordGone)]
    erased = {RecordRef(HS, event.object, event.id).key for event in gone if event.cause == "erased"}
    assert contact.pair.get(HS) not in erased


def cases_are_listed(life: Life) -> None:
    """Everybody with two living records in one CRM, or with one whose partner is gone, is on the list."""
    duplicates, orphans = set(), set()
    for contact in life.contacts():
        if contact.erased:
            continue
        rows = [life.rows[RecordRef.parse(key)] for key in contact.records]
        living = Counter(row.crm for row in rows if not life.lost(row))
        duplicates |= {contact.id} if max(living.values(), default=0) > 1 else set()
        paired = [life.lost(life.rows[RecordRef.parse(key)]) for key in contact.pair.values()]
        orphans |= {contact.id} if sorted(paired) == [False, True] else set()
    assert set(life.store.queues.get(DUPLICATES, {})) == duplicates
    assert set(life.store.queues.get(ORPHANS, {})) == orphans


def no_more_writes_than_edits(story: Story, since: int) -> None:
    """Law 3: a write that changes something answers an edit."""
    effective = sum(written.effective for written in story.life.writes[since:])
    allowed = story.effective + story.life.lost_answers
    assert effective <= allowed, (effective, allowed)
    assert story.life.store.counts.get("triggers/changed", 0) <= allowed


# -- what must be true of every write that leaves


Seen = dict[tuple[str, str], tuple[tuple[int, int], FieldValue]]
"""(record key, field) -> the newest version and its value: the naive fold of what was shown."""


def newest(life: Life) -> Seen:
    """All that was shown up to now, by the largest stamp and ticket of each field."""
    seen: Seen = {}
    for _, event in life.log[: life.folded]:
        if isinstance(event, e.RecordObserved):
            version = (event.modified_at, event.ticket)
            for name, value in event.fields.items():
                slot = (event.ref.key, name)
                if slot not in seen or version > seen[slot][0]:
                    seen[slot] = (version, value)
    return seen


def only_members_are_claimed(life: Life, intent: Intent) -> None:
    """Law 5: by the newest look at the HubSpot record, the contact is on the list."""
    contact = next(each for each in life.contacts() if each.id == intent.entity)
    shown = newest(life).get((contact.pair.get(HS, ""), "stage"))
    if intent.delete and life.section.delete_outside_list:
        return
    assert shown is None or shown[1] == "lead" or _arrives(life, contact, intent)


def _arrives(life: Life, contact: Contact, intent: Intent) -> bool:
    """Whether HubSpot may hear once of a Salesforce record that is new, whoever is on the list."""
    born = life.rows[RecordRef.parse(contact.pair[SF])].born
    heard = [each for each in life.writes if each.row.ref.key == contact.pair[HS] and each.ticket > born]
    arriving = contact.opened is not None and contact.opened.once is Once.ARRIVAL
    return intent.crm is HS and not intent.delete and (arriving or not heard)


def nothing_stale_is_claimed(life: Life, intent: Intent) -> None:
    """Law 7: what is sent comes from the newest value of the other side, as seen or as written by us."""
    contact = next(each for each in life.contacts() if each.id == intent.entity)
    source = contact.pair[intent.crm.other]
    seen = newest(life)
    ours = [written for written in life.writes if written.row.ref.key == source]
    for name, value in intent.sources.items():
        for field_name in _counterparts(name, intent.crm):
            if (source, field_name) in seen:
                known = {seen[source, field_name][1]}
                if field_name == "optout" and _opt_out_is_unseen(life, source):
                    known.add("true")
                for each in ours[-1:]:
                    known |= {each.after[field_name], each.sent.get(field_name, each.after[field_name])}
                assert value in known, (name, value, known)


def _opt_out_is_unseen(life: Life, source: str) -> bool:
    """Whether we opted a contact out, and no look has shown since what came of it; webhooks do not count."""
    ticket = life.opted_out_by_us.get(RecordRef.parse(source).id)
    looks = (
        event
        for _, event in life.log[: life.folded]
        if isinstance(event, e.RecordObserved) and event.ref.key == source and event.source != "webhook"
    )
    return ticket is not None and not any(look.ticket > ticket for look in looks)


def _counterparts(name: str, target: Crm) -> list[str]:
    """The fields on the other side that a target's field is mapped to."""
    names = {**NAMES, "optout": ("OptOut__c", "OptOut__c")}
    if target is HS:
        return list(names[name])
    return [ours for ours, theirs in names.items() if name in theirs]


def nothing_is_cleared_by_a_blank(life: Life, intent: Intent) -> None:
    """A value is cleared only where the other side's record ever had one, unless its side always wins."""
    contact = next(each for each in life.contacts() if each.id == intent.entity)
    source = contact.pair[intent.crm.other]
    for name, value in intent.fields.items():
        fields = _counterparts(name, intent.crm)
        if value is None and not RULED.intersection((name, *fields)):
            shown = {
                event.fields.get(each)
                for _, event in life.log[: life.folded]
                if isinstance(event, e.RecordObserved) and event.ref.key == source
                for each in fields
            }
            written = {
                each.after.get(one) for each in life.writes if each.row.ref.key == source for one in fields
            }
            assert (shown | written) - {None}, (name, source)


RULED = {
    ours for ours, rule in RULES.items() if rule in {SyncRule.ALWAYS_HUBSPOT, SyncRule.ALWAYS_SALESFORCE}
}
"""The properties of which one side always wins."""


def nobody_is_doubled(life: Life, intent: Intent) -> None:
    """Law 4: no create for somebody whom the last search could have found, unless he is paired already."""
    if intent.record_id is not None:
        return
    assert intent.entity in life.searched
    address = (intent.fields.get("email") or intent.fields.get("Email") or "").lower()
    paired = {
        key for contact in life.contacts() if len(contact.pair) == len(Crm) for key in contact.pair.values()
    }
    converted = {row.fields.get("ConvertedContactId") for row in life.rows.values()}
    unheard = {
        key
        for contact in life.contacts()
        for key in contact.records
        if contact.erased or (HS in contact.pair and _is_unheard(life, contact))
    }
    there = [
        row.ref.key
        for row in life.living(intent.crm)
        if row.email == address and row.born < life.searched.get(intent.entity, 0) and row.id not in converted
    ]
    assert not [key for key in there if key not in paired | unheard], there


def _is_unheard(life: Life, contact: Contact) -> bool:
    """Whether the sync has yet to hear that a HubSpot contact is gone or has another address."""
    record, row = contact.records[contact.pair[HS]], life.rows[RecordRef.parse(contact.pair[HS])]
    return not record.gone and (life.lost(row) or record.values.get("email") != row.fields["email"])


def nothing_is_sent_blind(life: Life, intent: Intent) -> None:
    """After a write without an answer, the target was looked at before the next one to the same record."""
    doubtful, target = False, intent.record_id
    for _, event in life.log[: life.folded]:
        if isinstance(event, e.DeliveryClaimed | e.DeliveryAnswered):
            if (event.entity, event.crm) != (intent.entity, intent.crm):
                continue
            if isinstance(event, e.DeliveryClaimed):
                target = event.record_id
            else:
                doubtful = event.outcome.outcome is OutcomeClass.UNKNOWN and target == intent.record_id
        elif isinstance(event, e.RecordObserved | e.RecordGone | e.LookedUp) and event.crm is intent.crm:
            doubtful = doubtful and event.request is None
    assert not doubtful


CHECKS = (
    only_members_are_claimed,
    nothing_stale_is_claimed,
    nothing_is_cleared_by_a_blank,
    nobody_is_doubled,
    nothing_is_sent_blind,
    only_orphans_are_deleted,
    the_erased_are_left_alone,
)


# -- other ways to the same state


def replay(life: Life, sizes: list[int], *, reload: bool) -> Store:
    """Fold the log again, in batches of these sizes over and over, into a store of its own."""
    store, place, number = Store(), 0, 0

    def begin() -> Projection:
        return Projection(store.fetch, lambda digest: life.documents[digest])

    projection = begin()
    while place < len(life.log):
        size = sizes[number % len(sizes)]
        for position, event in life.log[place : place + size]:
            projection.fold(position, decode(encode(event)))
        store.commit(projection.take_changes())
        place, number = place + size, number + 1
        projection = begin() if reload else projection
    return store


def reasons(life: Life) -> set[Reason]:
    """Why decisions were closed."""
    return {each.reason for entries in life.closed().values() for each in entries}
