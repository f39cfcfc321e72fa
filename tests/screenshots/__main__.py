"""Take a picture of every page: `make screenshots`, or `python -m tests.screenshots --help`.

The site is one of its own, in a temporary folder, with its own web server and worker. Nothing of
Django is imported before its settings are in the environment.
"""

import argparse
import os
import re
import signal
import tempfile
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.screenshots", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="pages whose names match it")
    wanted = re.compile(parser.parse_args().only)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that we tidy up
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        folder = Path(name)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "provena.settings",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's loop runs in this thread
            "DATABASE_URL": f"sqlite:///{folder / 'site.sqlite3'}",
            "DATA_DIR": str(folder),
            "SECRET_KEY": "of-screenshots",
            "DEBUG": "0",
        }
        import django

        django.setup()
        from tests.screenshots.shots import take_all

        return take_all(folder, wanted)


if __name__ == "__main__":
    raise SystemExit(main())
