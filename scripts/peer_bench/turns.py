"""Taking turns on a machine where other programs measure as well."""
import fcntl
import time

SECONDS_MIN = 100


class Turns:
    """Holds the lock (flock) of a file that the others lock too; without a file nobody waits."""

    def __init__(self, path=None):
        self._file = open(path, "a") if path else None
        self._since = None

    def next(self):
        """Called before every piece of work. After these seconds whoever waits goes first."""
        if not self._file or self._since and time.monotonic() - self._since < SECONDS_MIN:
            return
        if self._since:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            time.sleep(1)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._since = time.monotonic()
