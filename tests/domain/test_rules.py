"""Salesforce's validation rules: learned, enforced, doubted, and what they do to a contact meanwhile."""

from typing import Any

import msgspec
import pytest

from domain import events as e
from domain.formula import Verdict
from domain.identity import Fields
from domain.learning import counter, verdict_on
from domain.outcomes import Outcome, OutcomeClass
from domain.reasons import Reason
from domain.rules import RuleText, Runner, compile_rules, sampled
from domain.schema import FieldKind, FieldSchema
from domain.state import Standing, intent_key
from tests.domain.crms import LIST
from tests.world import BLANKS, HS, SCHEMAS, SECTION, SF, World, ready, schema

ATLANTIS = RuleText("03d1", "No_Atlantis", 'City = "Atlantis"', "We do not deliver to Atlantis.", "City")
ADA = "hubspot/contacts/1"
LEAD = "00Q1"


def world(*rules: RuleText, trusted: bool = False, number: int = 1) -> World:
    """People in both CRMs and linked, under validation rules."""
    made = ready()
    observe(made, *rules)
    if trusted:
        for rule in rules:
            made.append(e.RuleTrusted(rule=rule.key, agreed=5, disagreed=0))
    for each in range(1, number + 1):
        one: Fields = {"email": f"p{each}@x.org", "lastname": "Byron", "city": "Wien", "company": "A"}
        other = {"Email": f"p{each}@x.org", "LastName": "Byron", "City": "Wien", "Company": "A"}
        made.hubspot(str(each), source="baseline", **one)
        made.lead(f"00Q{each}", source="baseline", **other, **made_up(made))
        made.append(e.SyncRequested(entity=entity(each), cause="all", by="test"))
    return made


def made_up(made: World) -> Fields:
    """Blanks for what the rules need of a lead beside the usual fields."""
    needed = made.projection.policy().kinds["contacts"].needed[SF, "Lead"]
    return dict.fromkeys(needed - BLANKS["Lead"].keys())


def observe(made: World, *rules: RuleText) -> None:
    made.append(e.RulesObserved(object="Lead", digest=made.document(rules), request=str(made.now)))


def entity(number: int) -> str:
    return f"hubspot/contacts/{number}"


def move(made: World, city: str, number: int = 1) -> None:
    made.hubspot(str(number), city=city)


def refuse(made: World, message: str, number: int = 1) -> None:
    outcome = Outcome(OutcomeClass.REJECTED, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message=message)
    made.claim(entity(number), SF)
    made.answer(entity(number), SF, outcome)


def counts(made: World, rule: RuleText = ATLANTIS) -> tuple[int, int, int]:
    """(agreed, disagreed, unknown)."""
    one, two, three = (
        made.counts.get(counter(rule.key, what), 0) for what in ("agreed", "disagreed", "unknown")
    )
    return one, two, three


# -- learning


def test_a_learning_rule_lets_every_write_go() -> None:
    made = world(ATLANTIS)

    move(made, "Atlantis")

    intent = made.intent(ADA, SF)
    assert intent is not None
    assert intent.verdicts == {ATLANTIS.key: Verdict.VIOLATES}


def test_a_refusal_that_was_foreseen_agrees() -> None:
    made = world(ATLANTIS)
    move(made, "Atlantis")

    refuse(made, ATLANTIS.message)

    assert counts(made) == (1, 0, 0)
    assert made.reasons(ADA)[-1] == Reason.REJECTED


def test_a_contact_agrees_once_until_its_error_is_over() -> None:
    made = world(ATLANTIS)
    for _ in range(3):
        move(made, "Atlantis")
        made.append(e.SyncRequested(entity=ADA, cause="all", by="test", request=str(made.now)))
        refuse(made, ATLANTIS.message)
    assert counts(made) == (1, 0, 0)

    move(made, "Graz")
    made.deliver(ADA, SF)
    move(made, "Atlantis")
    refuse(made, ATLANTIS.message)
    assert counts(made) == (2, 0, 0)


def test_what_salesforce_takes_against_our_word_disagrees() -> None:
    made = world(ATLANTIS)
    move(made, "Atlantis")

    made.deliver(ADA, SF)

    assert counts(made) == (0, 1, 0)


def test_a_refusal_that_was_not_foreseen_disagrees() -> None:
    made = world(ATLANTIS)
    move(made, "Graz")

    refuse(made, ATLANTIS.message)

    assert counts(made) == (0, 1, 0)


@pytest.mark.parametrize("city", ["Graz", "Atlantis"])
def test_a_refusal_in_other_words_tells_nothing_of_the_rule(city: str) -> None:
    made = world(ATLANTIS)
    move(made, city)

    refuse(made, "A trigger's own words.")

    assert counts(made) == (0, 0, 0)


def test_a_write_that_met_another_record_than_the_one_judged_tells_nothing() -> None:
    made = ready()
    observe(made, ATLANTIS)
    made.hubspot("1", email="a@x.org", lastname="Byron", city="Atlantis")
    made.look_up(SF)
    made.claim(ADA, SF)

    made.answer(ADA, SF, Outcome(OutcomeClass.DELIVERED, record_id=LEAD, created=False))

    assert counts(made) == (0, 0, 0)


def test_what_cannot_be_known_is_sent_and_counted_as_unknown() -> None:
    parent = msgspec.structs.replace(ATLANTIS, formula='Owner.City = "Atlantis"')
    made = world(parent, trusted=True)
    move(made, "Atlantis")

    made.deliver(ADA, SF)

    assert counts(made, parent) == (0, 0, 1)


def test_a_formula_that_we_cannot_read_is_unknown() -> None:
    broken = msgspec.structs.replace(ATLANTIS, formula="City = = 1")
    made = world(broken, trusted=True)

    move(made, "Atlantis")

    intent = made.intent(ADA, SF)
    assert intent is not None
    assert intent.verdicts == {broken.key: Verdict.UNKNOWN}


# -- trusted


def test_a_trusted_rule_stops_the_write_with_its_own_message() -> None:
    made = world(ATLANTIS, trusted=True)

    move(made, "Atlantis")

    letter = made.letters[intent_key(ADA, SF)]
    assert made.intent(ADA, SF) is None
    assert (letter.reason, letter.outcome.message) == (Reason.VALIDATION_RULE, ATLANTIS.message)
    assert letter.outcome.fields == ("City",)
    assert letter.fields == {"City": "Atlantis"}
    closed = made.closed[ADA][-1]
    assert (closed.reason, closed.explanation) == (Reason.VALIDATION_RULE, ATLANTIS.message)


def test_a_rule_sees_the_key_that_a_new_record_is_written_under() -> None:
    keyless = RuleText("03d2", "Key", "ISBLANK(HubSpot_Contact_Id__c)", "No key.", "HubSpot_Contact_Id__c")
    made = ready()
    observe(made, keyless)
    made.append(e.RuleTrusted(rule=keyless.key, agreed=5, disagreed=0))

    made.hubspot("1", email="a@x.org", lastname="Byron", company="A")
    made.look_up(SF)

    assert made.intent(ADA, SF) is not None
    assert not made.letters


def test_a_rule_sees_what_a_write_on_its_way_will_have_changed() -> None:
    both = msgspec.structs.replace(ATLANTIS, formula='AND(City = "Atlantis", FirstName = "Ada")')
    made = world(both, trusted=True)
    made.hubspot("1", firstname="Ada")
    made.claim(ADA, SF)

    move(made, "Atlantis")

    assert made.letters[intent_key(ADA, SF)].outcome.message == ATLANTIS.message


def test_a_later_value_that_meets_the_rule_ends_the_error_by_itself() -> None:
    made = world(ATLANTIS, trusted=True)
    move(made, "Atlantis")

    move(made, "Graz")
    made.deliver(ADA, SF)

    assert not made.letters
    assert made.reasons(ADA)[-1] == Reason.DELIVERED


def test_a_value_that_goes_back_to_what_was_agreed_ends_the_error() -> None:
    made = world(ATLANTIS, trusted=True)
    move(made, "Atlantis")

    move(made, "Wien")

    assert not made.letters


def test_what_was_stopped_is_judged_anew_at_each_decision() -> None:
    made = world(ATLANTIS, trusted=True)
    move(made, "Atlantis")
    observe(made)

    made.append(e.SyncRequested(entity=ADA, cause="all", by="test"))

    assert made.intent(ADA, SF) is not None


def test_a_stopped_write_is_listed_once_however_often_it_is_decided() -> None:
    made = world(ATLANTIS, trusted=True)
    move(made, "Atlantis")
    first = made.letters[intent_key(ADA, SF)]

    made.append(e.SyncRequested(entity=ADA, cause="all", by="test"))

    assert made.letters[intent_key(ADA, SF)].at == first.at
    assert made.counts["letters/salesforce"] == 1


def test_the_other_direction_goes_on() -> None:
    made = world(ATLANTIS, trusted=True)
    move(made, "Atlantis")

    made.lead(LEAD, FirstName="Ada", **made_up(made))

    intent = made.intent(ADA, HS)
    assert intent is not None
    assert intent.fields == {"firstname": "Ada"}


def test_a_new_record_is_judged_with_what_it_gets_by_itself() -> None:
    new = msgspec.structs.replace(
        ATLANTIS, formula='AND(ISNEW(), ISBLANK(FirstName), Company = "Unknown", NOT(ISBLANK(Email)))'
    )
    made = ready()
    observe(made, new)
    made.append(e.RuleTrusted(rule=new.key, agreed=5, disagreed=0))

    made.hubspot("1", email="a@x.org", lastname="Byron")
    made.look_up(SF)

    assert made.letters[intent_key(ADA, SF)].reason is Reason.VALIDATION_RULE


def test_a_rule_about_a_change_sees_the_record_before_it() -> None:
    change = msgspec.structs.replace(ATLANTIS, formula='AND(ISCHANGED(City), PRIORVALUE(City) = "Wien")')
    made = world(change, trusted=True)
    made.hubspot("1", firstname="Ada")
    made.deliver(ADA, SF)

    move(made, "Graz")

    assert made.intent(ADA, SF) is None
    assert made.letters


def test_a_sample_of_what_violates_is_sent_all_the_same() -> None:
    made = world(ATLANTIS, trusted=True, number=60)
    for number in range(1, 61):
        move(made, "Atlantis", number)
    sent = [number for number in range(1, 61) if made.intent(entity(number), SF)]

    assert sent == [n for n in range(1, 61) if sampled(entity(n), {"City": "Atlantis"})]
    assert 0 < len(sent) < 15


def test_a_changed_condition_is_learned_anew() -> None:
    made = world(ATLANTIS, trusted=True)
    observe(made, msgspec.structs.replace(ATLANTIS, formula='City = "Atlantis2"'))

    move(made, "Atlantis2")

    assert made.intent(ADA, SF) is not None


def test_a_doubted_rule_stops_nothing() -> None:
    made = world(ATLANTIS, trusted=True)
    made.append(e.RuleDoubted(rule=ATLANTIS.key, agreed=5, disagreed=1))

    move(made, "Atlantis")

    assert made.intent(ADA, SF) is not None


def test_fields_that_a_rule_needs_are_read_and_start_nothing() -> None:
    fax = msgspec.structs.replace(ATLANTIS, formula="ISBLANK(Fax)")
    made = world(fax)
    extended = [
        schema(SF, "Lead", *each.fields.values(), text_field("Fax"))
        for each in SCHEMAS
        if each.object == "Lead"
    ]
    made.append(e.SchemaObserved(crm=SF, object="Lead", digest=made.document(extended[0])))
    policy = made.projection.policy().kinds["contacts"]
    decided = len(made.closed[ADA])

    made.lead(LEAD, Fax="1")
    made.lead(LEAD, Fax="2")

    assert "Fax" in policy.needed[SF, "Lead"]
    assert "Fax" not in policy.watched[SF, "Lead"]
    assert len(made.closed[ADA]) == decided


def text_field(name: str) -> FieldSchema:
    return FieldSchema(name=name, label=name, kind=FieldKind.TEXT, native="string")


# -- judging


LEAD_SCHEMA = schema(
    SF,
    "Lead",
    text_field("City"),
    FieldSchema(name="Status", label="", kind=FieldKind.PICKLIST, native="picklist", default="Open"),
    FieldSchema(name="Vip", label="", kind=FieldKind.BOOLEAN, native="boolean", default="false"),
    FieldSchema(name="OwnerId", label="", kind=FieldKind.REFERENCE, native="reference", self_filled=True),
    FieldSchema(name="Score", label="", kind=FieldKind.NUMBER, native="double", calculated=True),
    FieldSchema(name="Name", label="", kind=FieldKind.TEXT, native="string", self_filled=True),
)
RUNNER = Runner(user={"Title": "Robot"}, profile={"Name": "Sync"}, zone="Europe/Vienna")


def judged(formula: str, fields: Fields, known: Fields | None, now: int = 0) -> Any:
    rule = RuleText("03d1", "Rule", formula, "No.")
    rules = compile_rules((rule,), frozenset(), LEAD_SCHEMA, RUNNER)
    return rules.judge(fields, known, now).get(rule.key, Verdict.PASS)


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        ('ISPICKVAL(Status, "Open")', Verdict.VIOLATES),
        ("NOT(Vip)", Verdict.VIOLATES),
        ("ISBLANK(OwnerId)", Verdict.UNKNOWN),
        ("Score > 1", Verdict.UNKNOWN),
        ("ISBLANK(Name)", Verdict.UNKNOWN),
        ("ISNEW()", Verdict.VIOLATES),
        ("ISCHANGED(City)", Verdict.PASS),
        ('$User.Title = "Robot"', Verdict.VIOLATES),
        ('$Profile.Name = "Sync"', Verdict.VIOLATES),
        ("$Permission.Bypass", Verdict.UNKNOWN),
        ("TODAY() = DATE(2025, 1, 2)", Verdict.VIOLATES),
        ('OR(City = "Wien", $Permission.Bypass)', Verdict.VIOLATES),
    ],
)
def test_a_new_record_holds_its_defaults_and_what_nobody_knows_is_unknown(
    formula: str, verdict: Verdict
) -> None:
    night = 1_735_772_400_000 + 60_000  # 2025-01-01T23:01Z, the next day in Vienna

    assert judged(formula, {"City": "Wien"}, None, night) is verdict


def test_a_formula_field_of_a_record_that_is_written_is_not_known() -> None:
    assert judged("Score > 1", {"City": "Wien"}, {"City": None, "Score": "2"}) is Verdict.UNKNOWN
    assert judged("PRIORVALUE(Score) > 1", {"City": "Wien"}, {"Score": "2"}) is Verdict.VIOLATES


@pytest.mark.parametrize(
    ("held", "verdict"),
    [(None, Verdict.UNKNOWN), ((), Verdict.VIOLATES), (("Bypass",), Verdict.PASS)],
    ids=["not known", "not held", "held"],
)
def test_a_rule_spares_the_user_who_holds_a_permission(
    held: tuple[str, ...] | None, verdict: Verdict
) -> None:
    rule = RuleText("03d1", "Rule", 'AND(City = "Wien", NOT($Permission.Bypass))', "No.")
    rules = compile_rules((rule,), frozenset(), LEAD_SCHEMA, Runner(permissions=held))

    assert rules.judge({"City": "Wien"}, {"City": None}, 0).get(rule.key, Verdict.PASS) is verdict


# -- how a rule stands


@pytest.mark.parametrize(
    ("standing", "agreed", "disagreed", "expected"),
    [
        (Standing(), 4, 0, None),
        (Standing(), 5, 0, Standing(5, 0, trusted=True)),
        (Standing(), 9, 1, Standing(9, 1)),
        (Standing(9, 1), 13, 1, None),
        (Standing(9, 1), 14, 1, Standing(14, 1, trusted=True)),
        (Standing(14, 1, trusted=True), 99, 1, None),
        (Standing(14, 1, trusted=True), 99, 2, Standing(99, 2)),
    ],
)
def test_five_answers_in_a_row_must_agree(
    standing: Standing, agreed: int, disagreed: int, expected: Standing | None
) -> None:
    assert verdict_on(standing, agreed, disagreed, 5) == expected


def test_no_number_is_enough_where_rules_are_never_to_be_trusted() -> None:
    assert verdict_on(Standing(), 1_000, 0, None) is None
    assert verdict_on(Standing(5, 0, trusted=True), 9, 0, None) == Standing(9, 0)


def test_a_rule_says_nothing_of_somebody_whom_salesforce_is_not_told_of() -> None:
    """He is not on the list: HubSpot hears once of his new lead, and nothing goes back."""
    made = World()
    made.append(e.ListObserved(list_id="7", name="Sync", digest=made.document(LIST)))
    made.configure(msgspec.structs.replace(SECTION, inclusion_list="Sync")).baseline()
    observe(made, ATLANTIS)
    made.append(e.RuleTrusted(rule=ATLANTIS.key, agreed=5, disagreed=0))
    made.hubspot("1", source="baseline", email="a@x.org", city="Atlantis", stage="other")
    made.lead(LEAD, Email="a@x.org", LastName="Byron", **made_up(made))
    intent = made.intent(ADA, HS)
    assert intent is not None
    assert intent.fields == {"lastname": "Byron"}
    assert made.letters == {}
