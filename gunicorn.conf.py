"""How gunicorn serves the site; it reads this file by itself when started in this folder.

PORT or BIND, and WEB_CONCURRENCY, are the variables to set. Anything else can be added without
editing, for instance GUNICORN_CMD_ARGS="--access-logfile -".
"""

import os
import threading

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = 4  # half of them may wait for the end of jobs: jobs/api/waiting.py
timeout = 60  # seconds
graceful_timeout = 10
loglevel = "warning"
preload_app = False  # the drawing engine and database connections belong to one process each
control_socket_disable = True  # one socket a user: two sites on a machine would fight for it

BANNER = f"""
  Provena Jobs is running at http://{bind}

  Sign in as modeller, reviewer or admin; the password is provena-demo
  Ctrl-C stops web and worker
"""


def when_ready(server: Arbiter) -> None:
    """Say where the site is, once its port is open; `make run` asks for it."""
    if os.environ.get("PROVENA_BANNER") == "1":
        print(BANNER, flush=True)


def post_worker_init(worker: Worker) -> None:
    """Compile the drawing engine aside, so that neither the start nor the first visitor waits."""
    from provena import diagrams  # only now has Django been set up

    threading.Thread(target=diagrams.warm_up, name="warm-up", daemon=True).start()
