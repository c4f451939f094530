"""The smallest search width that reaches a recall."""

COARSE = [10 * 2**step for step in range(9)]


def smallest(contestant, targets):
    """The smallest width per target, or None where the widest does not reach it. A bisection on
    whole numbers; a contestant that would rather answer for many widths at once divides by more."""
    known = contestant.recalls(COARSE)
    while wanted := {width for target in targets
                     for width in _between(*_bracket(known, target), contestant.probes)}:
        known.update(contestant.recalls(sorted(wanted)))
    return {target: _bracket(known, target)[1] for target in targets}


def around(width):
    """Widths to measure where the graph may be slightly another one than the width is from."""
    step = max(1, width // 25)
    return [width - step, width, width + step, width + 2 * step]


def _bracket(known, target):
    """The smallest width known to reach the target, and the next smaller one known."""
    high = min((width for width, recall in known.items() if recall >= target), default=None)
    low = max((width for width in known if high and width < high), default=None)
    return low, high


def _between(low, high, count):
    if low is None or high - low <= 1:
        return []
    return {low + max(1, (high - low) * part // (count + 1)) for part in range(1, count + 1)}
