"""Search: what is found, in which order, by whom, and what is shown of it."""

import itertools
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import search, services
from registry.models import Item, ItemQuerySet
from registry.search import Results, ranking, reader, spelling, store, words

pytestmark = pytest.mark.django_db

MakeItem = Callable[..., Item]
Study = Callable[..., Item]

ODD = [
    "",
    " ",
    "\x00",
    "reef\x00coral",
    '"',
    "'",
    "\\",
    "reef'; DROP TABLE registry_item; --",
    '"reef" AND',
    "AND OR NOT NEAR(reef coral)",
    "words:reef",
    "=reef ~eef",
    "reef*",
    "*",
    "%",
    "_",
    "(",
    "reef & !coral | <->",
    ":*",
    "-reef",
    "^reef",
    "{reef}: coral",
    "?!.,;",
    "🐟",
    "reef 🐠 coral",
    "\ud800",
    "\u202ereef",
    "ﷺ½①",
    "礁の模型",
    "reef " * 2_000,
    "x" * 10_000,
    " ".join(f"word{number}" for number in range(2_000)),
    "/" * 10_000,
    "a/1 " * 2_000,
    "10378.1/" + "9" * 18,
    "1" + "9" * 400,
]


@pytest.fixture
def study(user: User, make_item: MakeItem) -> Study:
    """Make a study; its words are those of the test and of its kind, "Study"."""

    def make(display_name: str, description: str = "-", **content: object) -> Item:
        named = {"display_name": display_name, "title": "-", "description": f"{description} ."}
        return make_item(user, subtype="STUDY", **named | content)

    return make


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank few hits and treat few as many, as if there were a hundred times the items."""
    for name, value in {"SHARE": 4, "LEAST_SHARE": 2, "MOST_RANKED": 8}.items():
        monkeypatch.setattr(ranking, name, value)
    monkeypatch.setattr(reader, "FEW", 4)
    monkeypatch.setattr(reader, "RARELY", 1)
    monkeypatch.setattr(reader, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(store, "LATEST", 4)
    monkeypatch.setattr(store, "FEW_HITS", 4)


def find(text: str, **more: Any) -> Results:
    """What somebody finds who may read everything."""
    return search.search(Item.objects.all(), text, **more)


def names(text: str, **more: Any) -> list[str]:
    return [hit.item.display_name for hit in find(text, **more).hits]


def walk(items: ItemQuerySet, text: str, limit: int) -> list[list[int]]:
    """The keys on all pages."""
    pages, after = [], None
    while True:
        results = search.search(items, text, limit=limit, after=after)
        pages.append([hit.item.pk for hit in results.hits])
        after = results.next
        if after is None:
            return pages


# Words.


def test_any_word_matches_and_more_words_rank_higher(study: Study) -> None:
    study("One", "coral reef")
    study("Two", "coral")
    study("Three", "reef")
    study("None", "kelp")
    assert names("reef coral")[0] == "One"
    assert sorted(names("reef coral")) == ["One", "Three", "Two"]


def test_rarer_words_rank_higher(study: Study) -> None:
    study("Rare", "zostera")
    for number in range(8):
        study(f"Common {number}", "seagrass")
    assert names("seagrass zostera")[0] == "Rare"


def test_the_display_name_counts_more_than_the_rest(study: Study) -> None:
    study("Turtle tracks", "-")
    study("Something", "of a turtle, a turtle and a turtle")
    assert names("turtle") == ["Turtle tracks", "Something"]


def test_a_whole_word_counts_more_than_the_beginning_of_one(study: Study) -> None:
    study("Whole", "a sea")
    study("Beginning", "a seagrass")
    assert names("sea") == ["Whole", "Beginning"]


def test_a_name_that_is_the_query_comes_first(study: Study) -> None:
    study("Reef fish")
    study("Reef fish of the north")
    assert names("reef fish") == ["Reef fish", "Reef fish of the north"]


def test_among_equals_the_newest_comes_first(study: Study) -> None:
    study("Old", "kelp")
    study("New", "kelp")
    assert names("kelp") == ["New", "Old"]


@pytest.mark.parametrize("part", ["hy", "hydro", "hydrodynamics"])
def test_a_word_is_found_by_its_beginning(study: Study, part: str) -> None:
    study("Found", "Hydrodynamics")
    assert names(part) == ["Found"]


def test_a_single_letter_is_a_word_and_no_beginning(study: Study) -> None:
    study("Vitamin", "vitamin k")
    study("Kelp", "kelp")
    assert names("k") == ["Vitamin"]


def test_a_display_name_is_found_from_inside_a_word(study: Study) -> None:
    study("eReefs", "-")
    study("Other", "eReefs")
    assert names("reef") == ["eReefs"]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Réunion", "reunion"),
        ("reunion", "RÉUNION"),
        ("Re\u0301union", "réunion"),
        ("Straße", "STRASSE"),
        ("fish", "ﬁsh"),
        ("hydro\u00addynamic", "hydrodynamic"),
        ("CO₂", "co2"),
        ("İstanbul", "istanbul"),
        ("Ωmega", "ωμέγα".replace("μέγα", "mega")),
        ("数値模型", "数値"),
        ("reef_model", "model"),
    ],
)
def test_case_and_accents_make_no_difference(study: Study, written: str, asked: str) -> None:
    study("Found", f"of {written} here")
    assert names(asked) == ["Found"]


def test_the_kind_is_found(study: Study, make_item: MakeItem, user: User) -> None:
    study("A question")
    make_item(user, display_name="Some software")
    hits = find("study").hits
    assert [(hit.item.display_name, hit.field) for hit in hits] == [("A question", "Kind")]
    assert hits[0].snippet == [("Study", True)]


def test_all_other_texts_are_found(make_item: MakeItem, user: User) -> None:
    make_item(
        user,
        display_name="Found",
        description="Larvae\nadrift",
        documentation_url="https://manual.example.org/",
        user_metadata={"team": "futures"},
    )
    for word in ("adrift", "manual", "team", "futures"):
        assert names(word) == ["Found"], word


def test_names_of_fields_are_no_texts(make_item: MakeItem, user: User) -> None:
    make_item(user, display_name="Something")
    assert names("description") == names("documentation") == []


# Ids.


def test_an_exact_id_comes_first(study: Study) -> None:
    wanted = study("Wanted")
    for _ in range(3):
        study("About it", f"follows {wanted.handle}")
    hits = find(wanted.handle).hits
    assert [hit.item.display_name for hit in hits] == ["Wanted", *["About it"] * 3]
    assert (hits[0].field, hits[0].snippet) == ("Persistent id", [(wanted.handle, True)])


def test_an_id_is_found_in_an_address_and_among_words(study: Study) -> None:
    wanted = study("Wanted")
    study("Other", "kelp")
    assert names(f"https://example.org/items/{wanted.handle}.")[0] == "Wanted"
    assert names(f"kelp, {wanted.handle}!") == ["Wanted", "Other"]


def test_an_id_does_not_find_all_others_of_its_prefix(study: Study) -> None:
    wanted = study("Wanted")
    study("Other")
    assert names(wanted.handle) == ["Wanted"]
    assert names("10378.1/9") == []


def test_a_reserved_id_is_found_by_it(user: User) -> None:
    seed = services.seed(subtype="STUDY", owner=user)
    assert [hit.item for hit in find(seed.handle).hits] == [seed]


def test_a_part_of_an_id_finds_it(study: Study) -> None:
    wanted = study("Wanted")
    prefix, _, number = wanted.handle.partition("/")
    assert names(number) == ["Wanted"]
    assert find(number).hits[0].snippet == [(f"{prefix}/", False), (number, True)]
    assert "Wanted" in names(f"{prefix}/{number[:4]}")


def test_what_only_looks_like_an_id_is_words(study: Study) -> None:
    study("Found", "a model of 2026")
    assert names("model/2026") == ["Found"]


# Misspelt words.


@pytest.mark.parametrize(
    "typed",
    ["conectivity", "connnectivity", "connectivitx", "xonnectivity", "cnonectivity", "conectivty"],
)
def test_a_misspelt_word_is_corrected(study: Study, typed: str) -> None:
    study("Found", "larval connectivity")
    results = find(f"larval {typed}")
    assert [hit.item.display_name for hit in results.hits] == ["Found"]
    assert results.corrected == {typed: "connectivity"}
    assert ("connectivity", True) in results.hits[0].snippet


@pytest.mark.parametrize("typed", ["refe", "ref", "reff", "eref", "rref", "reeef", "xeef"])
def test_a_short_word_may_have_one_fault(study: Study, typed: str) -> None:
    study("Found", "reef")
    assert names(typed) == ["Found"]


@pytest.mark.parametrize("typed", ["rxxf", "ab", "coral", "2025"])
def test_what_nothing_resembles_finds_nothing(study: Study, typed: str) -> None:
    study("Other", "reef 2026")
    assert find(typed) == Results([], None, {})


def test_a_known_word_is_not_corrected(study: Study) -> None:
    study("Wave", "wave")
    study("Cave", "cave")
    assert find("wave").corrected == {}
    assert names("wave") == ["Wave"]


def test_of_equally_near_words_the_most_frequent_is_meant(study: Study) -> None:
    study("Once", "carat")
    study("Twice", "carrot coral")
    study("Again", "coral")
    assert find("caral").corrected == {"caral": "coral"}


def test_nobody_learns_of_words_that_only_others_may_read(study: Study) -> None:
    secret = study("Secret", "plutonium")
    study("Open", "uranium")
    others = Item.objects.exclude(pk=secret.pk)
    assert search.search(others, "plutonum") == Results([], None, {})
    assert search.search(others, "plutonium") == Results([], None, {})
    assert find("plutonum").corrected == {"plutonum": "plutonium"}


letters = st.text("abc", min_size=3, max_size=12)


@given(letters, st.data())
def test_two_faults_leave_a_third_by_which_the_word_is_found(
    word: str, data: st.DataObject
) -> None:
    typed = word
    for _ in range(2):
        at = data.draw(st.integers(0, len(typed)))
        old, new = data.draw(st.sampled_from([(0, "x"), (1, ""), (1, "x"), (0, ""), (0, "a")]))
        typed = typed[:at] + new + typed[at + old :]
    if len(typed) >= spelling.SHORTEST:
        wanted = spelling._wanted_thirds(typed, 2)
        assert any(map(list.__contains__, wanted, spelling._thirds(word)))
        assert spelling.faults(typed, word, 2) <= 2


@given(letters, letters)
def test_counting_stops_where_there_are_too_many(one: str, other: str) -> None:
    assert spelling.faults(one, other, 2) == min(spelling.faults(one, other, 99), 3)


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("reef", "reef", 0), ("refe", "reef", 1), ("", "ab", 2), ("abc", "cab", 2), ("ca", "abc", 3)],
)
def test_faults_are_counted(one: str, other: str, count: int) -> None:
    assert spelling.faults(one, other, 2) == spelling.faults(other, one, 2) == count


# Who finds it.


def test_nobody_finds_what_they_may_not_read(study: Study) -> None:
    hidden = study("Hidden", "kelp")
    study("Open", "kelp")
    others = Item.objects.exclude(pk=hidden.pk)
    for text in ("kelp", "hidden", "hiden", hidden.handle, hidden.handle.split("/")[1]):
        found = search.search(others, text)
        assert hidden not in [hit.item for hit in found.hits], text


def test_access_is_that_of_the_reader(study: Study, make_user: Callable[..., User]) -> None:
    item = study("Private", "kelp")
    stranger = make_user("zoe", linked=False)
    item.grants.all().delete()
    assert search.search(Item.objects.readable_by(stranger), "kelp").hits == []
    assert len(search.search(Item.objects.readable_by(item.owner), "kelp").hits) == 1


@pytest.mark.usefixtures("narrow")
def test_pages_are_full_although_most_hits_are_not_for_the_reader(study: Study) -> None:
    made = [study(f"Kelp {number}", "kelp") for number in range(30)]
    own = [item.pk for item in made[::5]]
    pages = walk(Item.objects.filter(pk__in=own), "kelp", limit=2)
    assert [len(page) for page in pages] == [2, 2, 2]
    assert sorted(itertools.chain(*pages)) == sorted(own)


def test_few_items_are_searched_as_well_as_many(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "LEAST_SHARE", 2)
    monkeypatch.setattr(ranking, "SHARE", 2)
    monkeypatch.setattr(reader, "RARELY", 1)
    made = [study(f"Kelp {number % 3}", "kelp of the reef") for number in range(12)]
    some = Item.objects.filter(pk__in=[item.pk for item in made[:6]])
    for text in ("kelp", "kelp reef", "ke", "klep", "elp 2"):
        among_few = walk(some, text, 4)
        with monkeypatch.context() as patch:
            patch.setattr(reader, "FEW", 0)
            assert walk(some, text, 4) == among_few


# Pages.


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("text", ["kelp", "kelp reef", "reef kelp forest", "ke", "klep", "number"])
def test_paging_walks_all_hits_once(study: Study, text: str) -> None:
    made = [
        study(
            f"Kelp {number}" if number % 3 else f"Reef {number}",
            "number kelp forest " * (number % 2) + "kelp",
        )
        for number in range(25)
    ]
    wanted = {item.pk for item in made}
    if text == "number":
        wanted = {item.pk for item in made[1::2]}
    keys = list(itertools.chain(*walk(Item.objects.all(), text, limit=4)))
    assert len(keys) == len(set(keys))
    assert set(keys) == wanted


@pytest.mark.usefixtures("narrow")
def test_the_best_of_too_many_hits_come_first(study: Study) -> None:
    study("Kelp", "-")
    study("Reef", "kelp")
    for number in range(20):
        study(f"Something {number}", "kelp" if number % 2 else "reef")
    assert names("kelp")[0] == "Kelp"
    assert names("reef kelp")[0] == "Reef"


def test_the_last_page_has_no_next(study: Study) -> None:
    for number in range(4):
        study(f"Kelp {number}")
    assert find("kelp", limit=3).next
    assert find("kelp", limit=4).next is None


@pytest.mark.parametrize(
    "after", ["", "x", "1", "1-", "-1", "1-2-3", "9" * 40, "1-" + "9" * 30, "²-1"]
)
def test_a_mangled_cursor_gives_the_first_page(study: Study, after: str) -> None:
    study("Kelp")
    assert names("kelp", after=after) == ["Kelp"]


def test_a_cursor_behind_which_nothing_is_left_gives_the_first_page(study: Study) -> None:
    study("Kelp")
    assert names("kelp", after="0-0") == ["Kelp"]


@pytest.mark.parametrize(("limit", "count"), [(-1, 1), (0, 1), (1, 1), (50, 50), (1_000, 50)])
def test_a_page_has_1_to_50_hits(user: User, limit: int, count: int) -> None:
    made = Item.objects.bulk_create(
        Item(
            handle=f"10378.1/{number}",
            category="ACTIVITY",
            subtype="STUDY",
            owner=user,
            display_name="Kelp",
            info={"display_name": "Kelp"},
            search_text="",
        )
        for number in range(60)
    )
    for item in made:
        search.index(item)
    assert len(find("kelp", limit=limit).hits) == count


def test_it_takes_as_many_queries_for_50_hits_as_for_one(study: Study) -> None:
    """The hits of the word (on PostgreSQL looked for in two places), which of them may be read,
    their words, and the items."""
    counts = []
    for _ in range(2):
        study("Kelp")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            find("kelp", limit=50)
        counts.append(len(queries))
        for _ in range(20):
            study("Kelp")
    assert counts == ([5, 5] if connection.vendor == "postgresql" else [4, 4])


# Odd input.


@pytest.mark.parametrize("text", ODD)
def test_odd_input_is_only_words(study: Study, text: str) -> None:
    study("Reef", "coral")
    study("Other", "kelp")
    assert "Other" not in names(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=60), after=st.none() | st.text(max_size=20))
def test_no_text_whatever_raises(db: None, text: str, after: str | None) -> None:
    find(text, after=after)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).filter(
        lambda text: any(unicodedata.category(letter)[0] not in "CZ" for letter in text)
    )
)
def test_a_text_is_found_by_itself(study: Study, text: str) -> None:
    item = study("Something", f"this {text} text")
    if words.split(text):
        assert item in [hit.item for hit in find(text, limit=50).hits]


# What is shown.


def test_the_field_and_the_text_around_the_match_are_shown(study: Study) -> None:
    study("Something", f"{'before ' * 30}the Coral-reefs {'after ' * 60}")
    (hit,) = find("reef coral").hits
    assert hit.field == "Description"
    shown = "".join(piece for piece, _ in hit.snippet)
    assert shown.startswith("… before")
    assert shown.endswith("after …")
    assert 130 <= len(shown) <= 165
    assert [piece for piece, is_match in hit.snippet if is_match] == ["Coral", "reefs"]


def test_a_match_in_the_name_is_shown_there(study: Study) -> None:
    study("The eReefs study", "of a reef")
    (hit,) = find("reef").hits
    assert (hit.field, hit.snippet) == (
        "Display name",
        [("The e", False), ("Reefs", True), (" study", False)],
    )


@pytest.mark.parametrize(
    ("text", "piece"),
    [("Île de la Réunion, ½ of it", "Réunion"), ("In Re\u0301union here", "Réunion")],
)
def test_accents_are_shown_as_they_were_written(study: Study, text: str, piece: str) -> None:
    study("Something", text)
    (hit,) = find("reunion").hits
    assert (piece, True) in hit.snippet


def test_the_field_with_more_of_the_query_is_shown(make_item: MakeItem, user: User) -> None:
    make_item(
        user, display_name="Something", name="Kelp", description="Kelp forests", user_metadata=None
    )
    (hit,) = find("kelp forest").hits
    assert hit.field == "Description"


def test_markup_is_text(study: Study) -> None:
    study("Something", "a <b>kelp</b>")
    (hit,) = find("kelp").hits
    assert ("a <b>", False) in hit.snippet


# Keeping the index.


def test_a_change_is_found_and_what_was_is_not(study: Study, user: User) -> None:
    item = study("Something", "kelp")
    content = item.info | {"description": "seagrass"}
    services.update(handle=item.handle, subtype="STUDY", content=content, reason="Mended", by=user)
    assert names("kelp") == []
    assert names("seagrass") == ["Something"]


def test_a_removed_item_is_not_found(study: Study) -> None:
    search.remove(study("Kelp"))
    study("Other kelp")
    assert names("kelp") == ["Other kelp"]


def test_indexing_again_changes_nothing(study: Study) -> None:
    item = study("Kelp", "forest")
    before = find("kelp forest")
    search.index(item)
    assert find("kelp forest") == before


def test_rebuild_restores_what_was_lost(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "CHUNK", 2)
    made = [study(f"Kelp {number}", "seagrass") for number in range(5)]
    found = find("kelp")
    for item in made:
        search.remove(item)
    assert find("kelp").hits == []
    assert search.rebuild() == Item.objects.live().complete().count()
    assert find("kelp") == found
    assert find("seegrass").corrected == {"seegrass": "seagrass"}


def test_rebuild_forgets_what_is_no_item_any_more(study: Study) -> None:
    gone = study("Kelp")
    Item.objects.filter(pk=gone.pk).update(is_complete=False, info={})
    search.rebuild()
    assert names("kelp") == []


def test_a_huge_item_is_found_by_its_beginning(study: Study) -> None:
    words = " ".join(f"w{number}x" for number in range(1_900))
    study(
        "Kelp",
        "first " + words,
        user_metadata={f"n{i}": f"{words.replace('x', f'y{i}')}" for i in range(20)},
    )
    assert names("first") == ["Kelp"]


def test_migrating_indexes_the_items_of_a_database_without_an_index(
    user: User, make_item: Callable[..., Item]
) -> None:
    item = make_item(user, display_name="Found again")
    search.remove(item)
    for other in Item.objects.all():
        search.remove(other)
    assert not search.search(Item.objects.all(), "again").hits
    search.rebuild_if_empty()
    assert [hit.item for hit in search.search(Item.objects.all(), "again").hits] == [item]
