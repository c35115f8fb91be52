"""Looking at something on AWS again and again, until whoever looks has seen enough.

In: a way to look at it, and a clock. Out: what was seen, each time. What passes by itself (throttling, the service's or
the network's hiccups) does not end it for some minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from dagwright.engines.aws.following import Clock, Pace, Patience, passes
from dagwright.errors import AWSError

Seen = TypeVar("Seen")


def looks(look: Callable[[], Seen], clock: Clock, changed: Callable[[Seen], object]) -> Iterator[Seen]:
    """What `look` gives; the next look comes soon after one at which `changed` gave something else than before.

    Raises the AWSError of a look that does not pass by itself.
    """
    pace, unanswered = Pace(), Patience(clock)
    last: object = None
    while True:
        is_new = False
        try:
            seen = look()
        except AWSError as error:
            if not passes(error) or unanswered.is_at_end():
                raise
            unanswered.begins()
        else:
            unanswered.renew()
            yield seen
            is_new = changed(seen) != last
            last = changed(seen)
        clock.wait(pace.after(changed=is_new))
