"""Start the soak: `make soak`, or `python -m tests.soak --help`.

Nothing of Django is imported before its settings are in the environment.
"""

import argparse
import os
import random
import shutil
import tempfile
from pathlib import Path

from tests.soak.database import scratch


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="how long to kill (2)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="of the kills (random)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the clusters' logs in any case")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    with scratch(os.environ.get("DATABASE_URL", ""), directory) as database:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "provena.settings",
            "DATABASE_URL": database.url,
            "DATA_DIR": str(directory),
            "SECRET_KEY": "of-the-soak",
            "EXTRA_APPS": "tests.soak.app",
            "DEBUG": "0",
            "LOG_LEVEL": "INFO",  # so that processes say what they are
        }
        import django

        django.setup()
        from tests.soak.report import say
        from tests.soak.run import soak

        say(f"Soak of {arguments.minutes:g} minutes on {database}, seed {arguments.seed}.")
        is_good = soak(database, directory, arguments.minutes * 60, arguments.seed)
    if is_good and not arguments.keep:
        shutil.rmtree(directory)
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
