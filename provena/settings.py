"""Settings of Provena Jobs, all of them driven by the environment.

The README lists every variable. Without any, the app runs on this machine alone, on SQLite,
with its data under `var/`.
"""

import os
from pathlib import Path

import dj_database_url

from provena import environment

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / "var")).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # the database holds sessions

DEBUG = environment.flag("DEBUG")
SECRET_KEY = environment.secret("SECRET_KEY", DATA_DIR / "secret_key")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")

# Persistent ids are `prefix/number`. The default is a test prefix: a group sets its own.
HANDLE_PREFIX = os.environ.get("HANDLE_PREFIX", "10378.1")

# What everyone who can sign in may do in the registry: none, read or write. Permissions give more.
REGISTRY_LEVEL = environment.choice("REGISTRY_LEVEL", "write", ("none", "read", "write"))

INSTALLED_APPS = [
    "provena.tokens",
    "registry",
    "jobs",  # before django_q: its `qcluster` command guards the one of Django-Q2
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_q",
    "ninja",  # for the page that documents the API
    *environment.words("EXTRA_APPS"),  # apps of a group's own, for instance with job kinds
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Lineages and long lists shrink to a tenth. Django pads what it compresses against BREACH.
    "django.middleware.gzip.GZipMiddleware",
    "provena.http.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "provena.http.HtmxSignInMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "provena.urls"
WSGI_APPLICATION = "provena.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["jobs.templatetags.jobs"],
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'provena.sqlite3'}",
        conn_max_age=None,  # kept open: reconnecting for each job costs PostgreSQL 20x
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Web and workers write at once: WAL lets readers go on, and IMMEDIATE makes a writer wait its
    # turn at BEGIN instead of failing when it turns from reading to writing.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
else:
    # A server that vanished without a word is noticed within a minute, not after hours. Compiling a
    # statement of ours, or starting processes to share it, takes longer than running it. What it
    # reads is in memory or on a disk without moving parts, where a row by an index costs about what
    # the next row of a table does: else it would rather read all of a table's part in order.
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        connect_timeout=10,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        options="-c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The queue is the Job table, so Django-Q2 keeps no copy of a job and no result of its own.
Q_CLUSTER = {
    "name": "provena",
    "broker_class": "jobs.broker.JobBroker",
    "workers": environment.number("WORKERS", 2, minimum=1),
    "timeout": 60,  # seconds; each job kind sets its own
    "retry": 90,  # read by Django-Q2's own brokers only, but it must exceed the timeout
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "queue_limit": 16,
    "bulk": 8,
    "poll": 1,
    "guard_cycle": 0.5,
    "recycle": 5000,
    "catch_up": False,
    "scheduler": False,
}

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# A form may have some hundreds of rows of several fields. What is larger is told so (provena.http).
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
# A batch of model runs comes to the API as one body, some 700 bytes a run.
REQUEST_MEGABYTES = environment.number("REQUEST_MEGABYTES", 20, minimum=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MEGABYTES * 1024**2  # bytes
API_REQUESTS_PER_MINUTE = environment.number("API_REQUESTS_PER_MINUTE", 6000, minimum=1)  # a token
# Sheets of model runs are uploaded as files.
RUN_SHEET_MEGABYTES = environment.number("RUN_SHEET_MEGABYTES", 50, minimum=1)
RUN_SHEET_ROWS = environment.number("RUN_SHEET_ROWS", 200_000, minimum=1)

# Mail to people whose job failed: off unless all three are set.
MAIL_SERVER = environment.mail_server("EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.host, MAIL_SERVER.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.user, MAIL_SERVER.password
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER.scheme == "smtp+tls", MAIL_SERVER.scheme == "smtps"
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "").strip()
SITE_URL = os.environ.get("SITE_URL", "").strip().rstrip("/")  # for links in mails
ADMIN_CONTACT = os.environ.get("ADMIN_CONTACT", "").strip()  # for who needs an administrator

LANGUAGE_CODE = "en-au"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # Hashed names may be cached for ever. While developing, files are served as they are.
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Set HTTPS=1 behind a proxy that ends TLS and sets X-Forwarded-Proto.
HTTPS = environment.flag("HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", 3600) if HTTPS else 0
# Probes come from inside, without TLS. To programs a redirect is an error, so theirs is the proxy's
# to make.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^((job|registry|prov|data|auth)-api|search|api|auth)/"]
# Subdomains and browsers' preload lists are for who owns the domain to decide, at the proxy.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "jobs": {"level": os.environ.get("LOG_LEVEL", "INFO")},
        "registry": {"level": os.environ.get("LOG_LEVEL", "INFO")},
        "django-q": {"level": os.environ.get("LOG_LEVEL", "WARNING")},
    },
}
