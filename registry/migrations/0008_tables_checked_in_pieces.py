import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Count


def count_rows(apps, schema_editor):
    """Of the sheets that are there: how many rows are in each state, and what launched them."""
    RunSheet = apps.get_model("registry", "RunSheet")
    for sheet in RunSheet.objects.filter(is_ready=True).iterator():
        rows = sheet.rows.order_by()
        tally = dict(rows.values_list("state").annotate(Count("pk")))
        tally["FORCED"] = rows.filter(state="NEW", is_forced=True).count()
        tally["WARNED"] = rows.filter(warnings__isnull=False).count()
        submissions = rows.filter(submission__isnull=False).values_list("submission", flat=True)
        sheet.tally = tally
        sheet.launches = [str(one) for one in submissions.distinct()]
        sheet.save(update_fields=["tally", "launches"])


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0007_warnings_of_rows"),
    ]

    operations = [
        migrations.CreateModel(
            name="SheetPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first", models.PositiveIntegerField(help_text="The number of its first row.")),
                (
                    "packed",
                    models.BinaryField(
                        help_text="JSON: the number and the cells of each; by zlib."
                    ),
                ),
                (
                    "sheet",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="registry.runsheet",
                    ),
                ),
            ],
            options={"ordering": ("first",)},
        ),
        migrations.AddConstraint(
            model_name="sheetpart",
            constraint=models.UniqueConstraint(fields=("sheet", "first"), name="sheet_part_once"),
        ),
        migrations.AddField(
            model_name="runsheet",
            name="check_job",
            field=models.UUIDField(
                null=True,
                help_text="Session id of the job that checks its rows, where they are many.",
            ),
        ),
        migrations.AddField(
            model_name="runsheet",
            name="launches",
            field=models.JSONField(
                default=list,
                help_text="Session ids of the jobs that launch what was submitted of it.",
            ),
        ),
        migrations.AddField(
            model_name="runsheet",
            name="tally",
            field=models.JSONField(
                default=dict,
                help_text="How many rows are in each state, wait, are forced, and look odd.",
            ),
        ),
        migrations.AlterField(
            model_name="runsheet",
            name="is_ready",
            field=models.BooleanField(default=False, help_text="All its rows are checked."),
        ),
        migrations.RunPython(count_rows, migrations.RunPython.noop),
    ]
