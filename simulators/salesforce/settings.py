"""What a test may set of a simulated org; where two outcomes of the real one are plausible, the choice."""

from dataclasses import dataclass

from simulators.base import Settings


@dataclass
class OrgSettings(Settings):
    """The org's limits, credentials and habits.

    - `instance_url`: what the token endpoint tells callers to use; empty: https and the Host header
    - `rotate_refresh_token`: a refresh token is good for one use, whose answer names the next one
    - `jwt_public_key`: PEM; empty accepts any signature of an assertion that is otherwise in order
    - `visibility_delay_s`: a committed row reaches queries this much later, with its older stamp; only the
      share `visibility_delay_share` of commits is delayed
    - `session_lifetime_s`: a session ends this long after its last use
    - `daily_limit`: API calls in 24 hours; `oldest_version` and below answer 410
    - `bulk_seconds`: how long a bulk job is InProgress
    - `duplicate_key`: how DUPLICATES_DETECTED spells its key: `duplicateResut`, `duplicateResult`, or none
    - `repeated_external_id`: code for an external id that comes twice in one call: DUPLICATE_VALUE or
      DUPLICATE_EXTERNAL_ID
    - `collections_parse_error`: a value of the wrong JSON type or an unknown field fails the whole `request`
      or only its `row`
    - `duplicate_value_shows_id`: DUPLICATE_VALUE names the other record, else `<unknown>`
    - `locator_prefix`: of query locators, `01g` or `0r8`
    - `precondition_body`: whether a 412 has a JSON body
    - `empty_text_is_null`: an empty text clears a field, else it is left as it was
    - `rules_on_conversion`: validation rules run when a lead is converted
    - `conversion_maps_custom_fields`: conversion copies custom fields to the contact's of the same name
    - `external_id_error_names_field`: a 404 for a field that is no external id says so
    - `several_matches`: a 300 lists `addresses` of the records or the `records`
    - `empty_cell_is_null`: an empty cell of a bulk job clears its field, else it is left as it was
    - `noop_update_moves_dates`: an update that changes no value moves the record's dates
    - `blank_numbers_are_zero`: a formula reads a blank number as 0
    - `composite_conditions`: conditional headers of a composite's parts are honoured
    """

    instance_url: str = "https://sim.my.salesforce.com"
    consumer_key: str = "sim-consumer-key"
    consumer_secret: str = "sim-consumer-secret"  # noqa: S105 - a simulated secret
    username: str = "integration@sim.example.com"
    password: str = "sim-password"  # noqa: S105 - a simulated secret
    refresh_token: str = "sim-refresh-token"  # noqa: S105 - as above
    rotate_refresh_token: bool = False
    jwt_public_key: str = ""
    visibility_delay_s: float = 0.0
    visibility_delay_share: float = 1.0
    session_lifetime_s: float = 7200.0
    daily_limit: int = 100_000
    oldest_version: int = 20
    bulk_seconds: float = 0.0
    duplicate_key: str = "duplicateResut"
    repeated_external_id: str = "DUPLICATE_VALUE"
    collections_parse_error: str = "request"
    duplicate_value_shows_id: bool = True
    locator_prefix: str = "01g"
    precondition_body: bool = True
    empty_text_is_null: bool = True
    rules_on_conversion: bool = False
    conversion_maps_custom_fields: bool = True
    composite_conditions: bool = True
    external_id_error_names_field: bool = True
    several_matches: str = "addresses"
    empty_cell_is_null: bool = False
    noop_update_moves_dates: bool = True
    blank_numbers_are_zero: bool = False
