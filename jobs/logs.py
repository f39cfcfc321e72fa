"""What is logged while an attempt of a job runs: kept only if the attempt fails."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MOST_LINES = 200
LONGEST_LINE = 2_000  # characters, with the traceback if one belongs to it
OWN = "jobs.worker"  # it tells of the attempt, and the page of the job does so, too


class Lines(logging.Handler):
    """Holds the last lines in memory. Loggers decide by their levels what there is to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(
            logging.Formatter(
                "{asctime}.{msecs:03.0f} {levelname} {name}: {message}", "%H:%M:%S", "{"
            )
        )
        self.addFilter(lambda record: record.name != OWN)
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        self.left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # a line that cannot be printed must not end the job that logged it
            line = f"{record.levelname} {record.name}: {record.msg!r} (its arguments do not fit)"
        self.left_out += len(self.lines) == MOST_LINES
        self.lines.append(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ...")

    def begin(self) -> None:
        self.lines.clear()
        self.left_out = 0

    def text(self) -> str:
        """The lines, oldest first; how many earlier ones are not there is said."""
        first = [f"({self.left_out:,} earlier lines are not kept)"] if self.left_out else []
        return "\n".join([*first, *self.lines])


_lines = Lines()  # one for the process: a worker does one job at a time


@contextmanager
def kept() -> Iterator[None]:
    """While this is open, `text()` gives what has been logged since it was opened."""
    _lines.begin()
    logging.root.addHandler(_lines)
    try:
        yield
    finally:
        logging.root.removeHandler(_lines)


def text() -> str:
    """What was logged since the attempt at hand began, or since the last one did."""
    return _lines.text()
