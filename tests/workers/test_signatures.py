"""HubSpot's signatures, on the examples of its own page and its client's."""

import pytest

from workers.signatures import TOLERANCE_MS, Signed, is_fresh, is_same, sign_v1, sign_v3

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
NOW = 1_762_502_401_000

CREATION = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)
ESCAPED = (
    b'[{"eventId":3816279340,"subscriptionId":25,"portalId":33,"appId":1160452,"occurredAt":1762502400123,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":51234,"changeFlag":"CREATED",'
    b'"changeSource":"CRM_UI","sourceId":"userId:123"}]'
)
ESCAPED_SECRET = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("secret", "uri", "body", "timestamp", "signature"),
    [
        pytest.param(
            SECRET,
            "https://www.example.com/webhook_uri",
            b"{'example_field':'example_value'}",
            "1693657560000",
            "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
            id="plain",
        ),
        pytest.param(
            ESCAPED_SECRET,
            "https://sync.example.com/webhooks/hubspot?tenant=a%20b",
            ESCAPED,
            "1762502401000",
            "2G+6b7pNWRjlauiN7AxY00WtZkpeg++T8biR/5NN7AU=",
            id="a space stays escaped",
        ),
    ],
)
def test_version_three_signs_method_uri_body_and_time(
    secret: str, uri: str, body: bytes, timestamp: str, signature: str
) -> None:
    assert sign_v3(secret, Signed("POST", uri, body, timestamp)) == signature


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        (SECRET, CREATION, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
        (ESCAPED_SECRET, ESCAPED, "02d61631f894f191606a8d946c46457806c94c5731c2cde782d7d68c37874437"),
    ],
    ids=["creation", "escaped"],
)
def test_version_one_signs_the_body_alone(secret: str, body: bytes, signature: str) -> None:
    assert sign_v1(secret, body) == signature


@pytest.mark.parametrize("escape", ["%3A", "%3a", "%2F", "%3F", "%40", "%21", "%24", "%27", "%28", "%29"])
def test_an_escape_that_hubspot_decodes_makes_no_difference(escape: str) -> None:
    plain = bytes.fromhex(escape[1:]).decode()
    signatures = {
        sign_v3(SECRET, Signed("POST", f"https://x.example/?a={each}", b"")) for each in (escape, plain)
    }
    assert len(signatures) == 1


def test_any_other_escape_does() -> None:
    signatures = {
        sign_v3(SECRET, Signed("POST", f"https://x.example/?a={each}", b"")) for each in ("%26", "&")
    }
    assert len(signatures) == 2


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [
        pytest.param(str(NOW), True, id="now"),
        pytest.param(str(NOW - TOLERANCE_MS), True, id="just fresh"),
        pytest.param(str(NOW - TOLERANCE_MS - 1), False, id="just stale"),
        pytest.param(str(NOW + TOLERANCE_MS), True, id="a clock that is fast"),
        pytest.param(str(NOW + TOLERANCE_MS + 1), False, id="from the future"),
        pytest.param("", False, id="missing"),
        pytest.param("yesterday", False, id="no number"),
        pytest.param("١٧٦٢٥٠٢٤٠١٠٠٠", False, id="digits of another script"),
        pytest.param("-" + str(NOW), False, id="negative"),
        pytest.param("9" * 5000, False, id="a number without end"),
    ],
)
def test_a_timestamp_is_fresh_for_five_minutes_either_way(timestamp: str, *, fresh: bool) -> None:
    assert is_fresh(timestamp, NOW) is fresh


def test_a_signature_of_no_ascii_is_just_wrong() -> None:
    assert not is_same("abc", "äbc\udcff")
