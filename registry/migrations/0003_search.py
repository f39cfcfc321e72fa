"""The tables of registry.search, in what each database has for full text.

They are no models: nothing but that module reads them, and `rebuild()` fills them anew from the
items at any time. So items that exist already are left to it.
"""

from django.db import migrations

SQLITE = [
    # Words arrive folded and split, so the tokenizer only has to leave them whole. Only which item
    # has a word matters, not where; prefixes of 4 are those of 3 letters with a mark before them.
    """
    CREATE VIRTUAL TABLE registry_search USING fts5(
        words, tokenize = "ascii tokenchars '._-/=~'", prefix = '2 3 4', detail = column,
        columnsize = 0
    )
    """,
]
POSTGRESQL = [
    # array_to_tsvector takes the words as they are, whatever the configuration of the server.
    """
    CREATE TABLE registry_search (
        item_id bigint PRIMARY KEY,
        words text NOT NULL,
        vector tsvector NOT NULL GENERATED ALWAYS AS (
            array_to_tsvector(string_to_array(btrim(words), ' '))
        ) STORED
    )
    """,
    # Without fastupdate no search has to read through a list of what is not in the index yet.
    """
    CREATE INDEX registry_search_vector ON registry_search
    USING gin (vector) WITH (fastupdate = off)
    """,
]
# No key: two transactions that meet the same new word would wait for each other. A word that is
# here twice does no harm.
WORDS = [
    """
    CREATE TABLE registry_search_word (
        word text NOT NULL, head text NOT NULL, middle text NOT NULL, tail text NOT NULL
    )
    """,
    "CREATE INDEX registry_search_word_word ON registry_search_word (word)",
    "CREATE INDEX registry_search_word_head ON registry_search_word (head)",
    "CREATE INDEX registry_search_word_middle ON registry_search_word (middle)",
    "CREATE INDEX registry_search_word_tail ON registry_search_word (tail)",
]


def create(apps, schema_editor):
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in [*(SQLITE if is_sqlite else POSTGRESQL), *WORDS]:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    schema_editor.execute("DROP TABLE registry_search")
    schema_editor.execute("DROP TABLE registry_search_word")


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_life_of_an_item")]

    operations = [migrations.RunPython(create, drop)]
