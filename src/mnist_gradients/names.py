"""The complaint about a name that does not exist, worded alike wherever the package makes it."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_LIST = 12  # of names that a line has room for


def unknown(what: str, found: str, known: Iterable[str]) -> str:
    """Return the complaint about a name that does not exist, with the nearest that does.

    Args:
        what: What the name should be the name of, such as "pipeline".
        found: The name.
        known: The names there are.
    """
    names = sorted(known)
    listed = ", ".join(names) if len(names) <= LONGEST_LIST else f"{len(names)} other names"
    return f"{what}: found {found!r}, expected one of {listed}{suggestion(found, names)}"


def suggestion(found: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest of the known names was meant; "" if none is near.

    The last part of a dotted name may stand for the whole, as in ``checks`` for
    ``derivations.checks``.
    """
    by_part = {name.rpartition(".")[2]: name for name in known} | {name: name for name in known}
    nearest = get_close_matches(found, by_part, n=1)
    return f"; did you mean {by_part[nearest[0]]}?" if nearest else ""
