"""Who may have the files of a dataset (domain reference, 2.6 and 3).

There is no store of files here yet: whoever may have them is told where they are instead.
"""

from django.contrib.auth.models import User

from registry.access import Level, Role
from registry.kinds.datasets import Dataset
from registry.models import Item
from registry.services import rules
from registry.services.rules import Refused


class Released(Refused):
    """The dataset is released, or about to be: its files stay as they are."""


def may_read_files(*, handle: str, by: User) -> Item:
    """The dataset, if `by` may read its files. Raises Refused."""
    rules.need_level(by, Level.READ)
    item = rules.known(handle)
    rules.need_kind(item, Dataset)
    rules.need_role(by, item, Role.DATA_READ)
    rules.need_complete(item)
    return item


def may_write_files(*, handle: str, by: User) -> Item:
    """The dataset, if `by` may change its files now. Raises Refused, of which Released."""
    rules.need_level(by, Level.WRITE)
    item = rules.known(handle)
    rules.need_kind(item, Dataset)
    rules.need_role(by, item, Role.DATA_WRITE)
    rules.need_unlocked(item, by)
    rules.need_complete(item)
    status = item.system["release_status"]
    if status != "NOT_RELEASED":
        state = "is released" if status == "RELEASED" else "waits for the decision on its release"
        raise Released(f"{item} {state}, so its files stay as they are. Make a new version of it.")
    return item


def need_path(path: str) -> None:
    """Raises Refused for what is no path of a file within a dataset."""
    parts = path.split("/")
    if "\\" in path or not all(parts) or ".." in parts:
        raise Refused(
            f"{path!r} is no path of a file in a dataset. Write it from the top of the dataset, "
            "with / between folders and without ..: forcing/2024.nc."
        )


def no_store(item: Item) -> Refused:
    """Why there are no addresses or credentials for the files of a dataset, and where they are."""
    access = item.info["collection_format"]["dataset_info"]["access_info"]
    if uri := access.get("uri"):
        return Refused(f"The files of {item} are kept elsewhere, at {uri}: {access['description']}")
    return Refused(
        f"This site has no store of files, so it gives neither addresses nor credentials for those "
        f"of {item}. Ask its owner, {item.owner.get_username()}, for them."
    )
