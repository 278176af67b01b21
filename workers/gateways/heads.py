"""The head that the gateways to both CRMs have in common."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from domain.schema import FieldSchema, ObjectSchema
from domain.state import Priority
from workers.gateways.http import Account


class Prioritized:
    """Its calls have a priority: live, until it is told otherwise."""

    priority = Priority.LIVE

    def at(self, priority: Priority) -> Self:
        other = copy.copy(self)
        other.priority = priority
        return other


class ObjectGateway(Prioritized, ABC):
    """Objects of one account. ``schemas``: what is known already; others are described when first needed."""

    def __init__(self, account: Account[Any], schemas: Mapping[str, ObjectSchema] | None) -> None:
        self._account = account
        self._schemas = {name: schema.fields for name, schema in (schemas or {}).items()}

    def wait_ms(self) -> int:
        return self._account.wait_ms(self.priority)

    def describe(self, object_name: str) -> ObjectSchema:
        schema = self._described(object_name)
        self._schemas[object_name] = schema.fields
        return schema

    @abstractmethod
    def _described(self, object_name: str) -> ObjectSchema:
        """Ask the CRM."""

    def _schema(self, object_name: str) -> Mapping[str, FieldSchema]:
        if object_name not in self._schemas:
            self.describe(object_name)
        return self._schemas[object_name]
