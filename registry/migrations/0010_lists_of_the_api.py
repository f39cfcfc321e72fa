from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, NullIf


def collate_addresses(apps, schema_editor):
    """Addresses sort by code points on PostgreSQL, as they do on SQLite, so that those that begin
    alike are neighbours in an index."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute('ALTER TABLE registry_item ALTER access_uri TYPE text COLLATE "C"')


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_tables_mended_and_launched"),
    ]

    operations = [
        migrations.AddField(
            model_name="item",
            name="release_timestamp",
            field=models.GeneratedField(
                db_persist=True,
                expression=NullIf(
                    Cast(KT("system__release_timestamp"), models.BigIntegerField()), 0
                ),
                help_text="When its release was last asked for or decided, in Unix seconds.",
                output_field=models.BigIntegerField(null=True),
            ),
        ),
        migrations.AddField(
            model_name="item",
            name="access_uri",
            field=models.GeneratedField(
                db_persist=True,
                expression=KT("info__collection_format__dataset_info__access_info__uri"),
                help_text="Where data that is kept elsewhere is.",
                output_field=models.TextField(null=True),
            ),
        ),
        migrations.RunPython(collate_addresses, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(fields=["created_at", "id"], name="item_created"),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(fields=["subtype", "created_at", "id"], name="item_of_kind_created"),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("is_complete", False)), fields=["id"], name="item_seed"
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("release_timestamp__isnull", False)),
                fields=["release_timestamp", "id"],
                name="item_released",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("access_uri__isnull", False)),
                fields=["access_uri", "id"],
                name="item_with_address",
            ),
        ),
    ]
