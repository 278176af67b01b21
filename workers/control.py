"""What time and people set going: due timers, released holds, and bulk jobs, as events in small portions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.book import RETRIES, TIMERS, held_queue, reads_queue
from domain.events import Resumed, RuleDoubted, RuleTrusted, TimerDue
from domain.healing import RETRY
from domain.identity import Crm
from domain.learning import AGREED, DISAGREED, counter, verdict_on
from domain.state import Bucket, Priority, Standing
from workers.clock import new_id
from workers.connection import BULK, RESTORED, Lane, polled
from workers.jobs import CENSUS, FAR, PORTION, Job, Jobs


@dataclass
class Control:
    """Turns due moments, ended holds and jobs of one lane into events. It calls no CRM."""

    lane: Lane
    may_retry: Callable[[], bool] = lambda: True  #: whether calls may be spent on what failed before
    trust_after: int | None = None  #: agreeing answers that make a validation rule stop writes; None: never
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.lane)

    def run(self) -> bool:
        """Do one portion of everything; tells whether there is news.

        Leaves a mark while bulk work waits: a projector that has made room for it rings again.
        """
        if self.lane.rewound():
            return False
        self.take_census()
        news = any(
            [
                self.timers(),
                self.holds(),
                self.rules(),
                self.healed(),
                self.retries(),
                self.jobs.advance(),
            ]
        )
        left = self.jobs.unfinished() or self._over()
        self.lane.coordination.set_cursor(BULK, "waits" if left else None)
        return news

    def healed(self) -> bool:
        """Let writing go on after a restore, once both CRMs were read and all that was found is folded."""
        coordination = self.lane.coordination
        if self.lane.state().paused != RESTORED or self.lane.backlog():
            return False
        since = int(coordination.cursor(RESTORED) or 0)
        if any(int(coordination.cursor(polled(crm)) or 0) <= since for crm in Crm):
            return False
        if any(self.lane.tables().size(reads_queue(crm, each)) for crm in Crm for each in Priority):
            return False
        return self.lane.append([Resumed(by=RESTORED, request=str(since))]) > 0

    def timers(self) -> bool:
        """Record the moments that have passed."""
        due = self.lane.tables().due(TIMERS, self.lane.clock.now_ms(), PORTION)
        events = [TimerDue(entity=each, cause=cause, due=moment) for each, cause, moment in _split(due)]
        return self.lane.append(events) > 0

    def retries(self) -> bool:
        """Have contacts in error tried again whose time has come, while there are calls for that."""
        due = self.lane.tables().due(RETRIES, self.lane.clock.now_ms(), PORTION)
        if not due or not self.lane.has_room() or not self.may_retry():
            return False
        return self.lane.append([TimerDue(entity=each, cause=RETRY, due=moment) for each, moment in due]) > 0

    def holds(self) -> bool:
        """Let go of contacts whose hold is over, while there is room."""
        released = [self._release(cause) for cause in self._over() if self.lane.has_room()]
        return any(released)

    def _over(self) -> list[str]:
        """What holds people no more: the baseline is complete, a guard has not tripped or was released."""
        _, state, policy = self.lane.known()
        guards = [guard for guard in ("creates", "blanked", "deletes") if not _tripped(state.guards, guard)]
        causes = ["baseline", *guards] if policy.ready else guards
        held = self.lane.tables().ripe([held_queue(cause) for cause in causes], FAR)
        return [cause for cause, somebody in zip(causes, held, strict=True) if somebody]

    def _release(self, cause: str) -> bool:
        held = self.lane.tables().due(held_queue(cause), FAR, PORTION)
        return self.lane.append([TimerDue(entity=each, cause=cause, due=since) for each, since in held]) > 0

    def take_census(self) -> None:
        """Have everybody looked at anew once the inclusion list is another one, or has other filters.

        Nobody is synced by that; it tells who is a member from now on, and when the clock may change it.
        """
        policy = self.lane.policy()
        for kind in policy.kinds.values() if policy.ready else ():
            mark, key = f"{CENSUS}/{kind.kind.name}", kind.inclusion_key
            if key and self.lane.coordination.cursor(mark) != key:
                self.jobs.start(Job(new_id(), CENSUS, "the inclusion list"))
                self.lane.coordination.set_cursor(mark, key)

    def rules(self) -> bool:
        """Record which validation rules are trusted or doubted from now on, by what was counted for them."""
        rules = [each for rules in self.lane.policy().rules.values() for each in rules]
        if not rules:
            return False
        counters, standings = self.lane.tables().counters(), self.lane.state().standings
        events = [
            event
            for rule in rules
            if (event := _judged(rule.key, standings.get(rule.key, Standing()), counters, self.trust_after))
        ]
        return self.lane.append(events) > 0


def _split(due: list[tuple[str, int]]) -> Iterator[tuple[str, str, int]]:
    for member, moment in due:
        entity, _, cause = member.rpartition("|")
        yield entity, cause, moment


def _judged(
    rule: str, standing: Standing, counters: Mapping[str, int], enough: int | None
) -> RuleTrusted | RuleDoubted | None:
    agreed, disagreed = (counters.get(counter(rule, what), 0) for what in (AGREED, DISAGREED))
    found = verdict_on(standing, agreed, disagreed, enough)
    if found is None:
        return None
    kind = RuleTrusted if found.trusted else RuleDoubted
    return kind(rule=rule, agreed=agreed, disagreed=disagreed)


def _tripped(guards: Mapping[str, Bucket], guard: str) -> bool:
    return guard in guards and guards[guard].tripped
