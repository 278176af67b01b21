"""Every switch of the HubSpot simulator; a field marked "unverified" selects between possible behaviours."""

from dataclasses import dataclass, field
from typing import Any

from simulators.base import Settings

_OBJECTS = ("feedback_submissions", "forms", "goals", "leads", "line_items", "products", "quotes")
ALL_SCOPES = [
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
    "crm.schemas.custom.read",
    "crm.schemas.custom.write",
    "crm.lists.read",
    "crm.lists.write",
    "crm.objects.owners.read",
    "communication_preferences.read",
    "communication_preferences.write",
    "communication_preferences.read_write",
    "communication_preferences.statuses.batch.read",
    "communication_preferences.statuses.batch.write",
    "crm.import",
    "crm.export",
    "oauth",
    *(f"crm.objects.{name}.{right}" for name in _OBJECTS for right in ("read", "write")),
    *(f"crm.schemas.{name}.read" for name in _OBJECTS),
]
APP_ID = 1160452
TOKEN = "pat-sim"  # noqa: S105 - the simulator's own well-known token
CLIENT_SECRET = "simulator-client-secret"  # noqa: S105 - as above


def _tokens() -> dict[str, Any]:
    return {TOKEN: {"app_id": APP_ID, "user_id": 7012345, "scopes": list(ALL_SCOPES)}}


def _oauth_clients() -> dict[str, Any]:
    secret = {"client_secret": CLIENT_SECRET, "app_id": APP_ID, "scopes": list(ALL_SCOPES)}
    return {"simulator-client": {**secret, "refresh_tokens": ["simulator-refresh"]}}


@dataclass
class HubSpotSettings(Settings):
    """Times are in seconds unless a name says otherwise; a range is `[low, high]`; a limit of 0 is no limit.

    `tokens`: static bearer tokens with app id, user id and scopes. `oauth_clients`: by client id.
    `scope_list_id`: the list outside of which writes count as `non_member_writes`.
    `webhook_subscriptions`: `{"eventType", "propertyName"?, "objectTypeId"?, "active"?}` each.
    `webhook_retry_compression`: what a second of waiting for a retry takes here.
    `webhook_ca_file`: the authorities that an https target is checked against, the machine's where empty.
    """

    portal_id: int = 44512002
    time_zone: str = "Europe/Vienna"
    account_type: str = "STANDARD"
    currency: str = "EUR"
    tokens: dict[str, Any] = field(default_factory=_tokens)
    oauth_clients: dict[str, Any] = field(default_factory=_oauth_clients)
    access_token_lifetime: int = 1800
    developer_key: str = "simulator-developer-key"
    import_duration: float = 2.0
    scope_list_id: str = ""

    rate_limit_ten_secondly: int = 190
    rate_limit_ten_secondly_oauth: int = 110
    rate_limit_daily: int = 625_000
    rate_limit_search_per_second: int = 5
    rate_limit_associations: int = 150
    refuse_unknown_parameters: bool = False  # unverified per route; readers send some which go unread
    retry_after_on_429: bool = False  # unverified: whether a 429 names a Retry-After
    rate_limit_category: bool = False  # some 429 bodies say `category: RATE_LIMITS` instead of `errorType`

    search_index_lag: list[float] = field(default_factory=lambda: [2.0, 10.0])
    search_filter_groups: int = 5  # unverified: 5 or 6
    search_limit_counts_properties: bool = False  # unverified: whether the 3,000 characters include them
    shuffle_batch_results: bool = True
    batch_update_missing: str = "error"  # unverified: "error" or "omit" for an id that never existed
    contact_batch_update_by_property: bool = False  # unverified: idProperty in contacts' batch/update
    batch_read_resolves_merged: bool = True  # unverified
    partial_upsert_by_email: bool = True  # unverified: False refuses rows that leave out known properties
    archive_twice_status: int = 204  # unverified: 204 or 404

    noop_patch_bumps_stamp: bool = True  # unverified
    association_bumps_stamp: bool = False  # unverified
    conflict_names_id: bool = True  # some answers to a taken e-mail do not say whose it is
    email_conflict_on_update_status: int = 409  # unverified: 409 CONFLICT or 400 CONFLICTING_UNIQUE_VALUE
    email_change_keeps_secondary: bool = (
        False  # unverified: a replaced primary e-mail becomes a secondary one
    )
    merge_keeps_primary_id: bool = False  # the "primary id preservation" beta
    merge_extra_events: bool = False  # unverified: deletion and creation events around a merge
    merged_ids_include_primary: bool = False  # unverified: `mergedObjectIds` of a merge event
    merge_event_has_object_id: bool = True  # unverified
    merge_event_names_kept_id: bool = True  # unverified: False says null where a merge made no new record
    change_flag_everywhere: bool = False  # unverified: `changeFlag` on merge, restore and privacyDeletion

    unsubscribe_twice: str = "accept"  # unverified: "accept" or "refuse" for an address that has opted out
    unsubscribe_answer: str = "results"  # unverified: "results" (none of them) or "empty", without `verbose`

    list_recompute_delay: list[float] = field(default_factory=lambda: [1.0, 5.0])
    list_time_refresh: float = 60.0
    dynamic_list_write_status: int = 400  # unverified
    property_rules: dict[str, Any] = field(default_factory=dict)

    webhook_enabled: bool = True
    webhook_target_url: str = ""
    webhook_secret: str = CLIENT_SECRET
    webhook_app_id: int = APP_ID
    webhook_subscriptions: list[dict[str, Any]] = field(default_factory=list)
    webhook_subscribe_all: bool = True
    webhook_signatures: list[str] = field(default_factory=lambda: ["v1", "v3"])  # unverified: which ones
    webhook_delay: list[float] = field(default_factory=lambda: [0.2, 1.0])
    webhook_loss_rate: float = 0.0
    webhook_duplicate_rate: float = 0.02
    webhook_shuffle: bool = True
    webhook_batch_size: int = 100
    webhook_in_flight: int = 10
    webhook_timeout: float = 5.0
    webhook_ca_file: str = ""
    webhook_retries: int = 10
    webhook_retry_compression: float = 0.001
    webhook_retry_keeps_event_id: bool = True  # unverified
    webhook_retry_regroups: bool = True  # unverified: False tries the same events together again
