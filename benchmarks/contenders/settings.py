"""Settings of all contenders but ours: the same database, nothing of ours installed.

BENCH_CONTENDER says whose they are.
"""

import os

from provena import settings as ours

CONTENDER = os.environ["BENCH_CONTENDER"]
SECRET_KEY = ours.SECRET_KEY
DATABASES = ours.DATABASES
DEFAULT_AUTO_FIELD = ours.DEFAULT_AUTO_FIELD
USE_TZ = True
LOGGING = ours.LOGGING  # quiet, as ours is
INSTALLED_APPS = ["django.contrib.contenttypes"]

if CONTENDER == "q2_tuned":
    INSTALLED_APPS += ["django_q"]
    Q_CLUSTER = {
        "name": "bench",
        "orm": "default",
        "workers": 2,
        "timeout": 60,  # seconds, as retry, poll and guard_cycle
        "retry": 90,
        "max_attempts": 1,
        "ack_failures": True,
        "save_limit": -1,
        "queue_limit": 16,
        "bulk": 8,
        "poll": 0.2,
        "guard_cycle": 1,
        "recycle": 1_000_000,  # never: it starts recycled workers again only now and then
        "catch_up": False,
    }
elif CONTENDER == "q2_default":
    INSTALLED_APPS += ["django_q"]
    Q_CLUSTER = {"name": "bench", "orm": "default", "workers": 2}
    DATABASES["default"] |= {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "OPTIONS": {}}
elif CONTENDER == "tasks_db":
    INSTALLED_APPS += ["django_tasks_db"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
