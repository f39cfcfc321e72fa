from typing import Any

from django.db import migrations

# PostgreSQL keeps no figures of an expression that only partial indexes hold, so of a range of ids
# it would expect one row in two hundred; and it would take states and their times for independent.
# Either way it expects too few rows, and then reads and sorts all that it could walk in order.
STATISTICS = [
    "CREATE STATISTICS job_key ON (id + 0) FROM jobs_job",
    "CREATE STATISTICS job_key_all ON (0 + id) FROM jobs_job",
    "CREATE STATISTICS job_states (mcv) ON status, dequeued_at, finished_at FROM jobs_job",
    "ANALYZE jobs_job",
]


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for statement in STATISTICS:
            schema_editor.execute(statement)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP STATISTICS job_key, job_key_all, job_states")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0011_mended_jobs")]
    operations = [migrations.RunPython(create, drop)]
