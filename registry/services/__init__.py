"""What can be done to items: the only writers of the registry. Pages, admin, commands and API call
these functions, each of which is one transaction.

`content` registers and changes items, `removal` deletes them, `custody` says who may touch them,
`files` who may have those of datasets, `people` which Person a user is, and `rules` holds what they
all check.
"""

from registry.services.content import (
    amend,
    create,
    create_version,
    mint,
    register,
    register_self,
    revert,
    rewrite,
    seed,
    update,
    validate,
)
from registry.services.custody import change_access, lock, settings_by, settings_of, unlock
from registry.services.files import (
    Released,
    may_read_files,
    may_write_files,
    need_path,
    no_store,
)
from registry.services.people import (
    assign_person,
    clear_person,
    link_person,
)
from registry.services.removal import delete, dependents
from registry.services.rules import (
    ChangedMeanwhile,
    Locked,
    NoRevision,
    NotAllowed,
    PersonNeeded,
    Refused,
    WrongKind,
    may_register,
    may_version,
    person_of,
)

__all__ = [
    "ChangedMeanwhile",
    "Locked",
    "NoRevision",
    "NotAllowed",
    "PersonNeeded",
    "Refused",
    "Released",
    "WrongKind",
    "amend",
    "assign_person",
    "change_access",
    "clear_person",
    "create",
    "create_version",
    "delete",
    "dependents",
    "link_person",
    "lock",
    "may_read_files",
    "may_register",
    "may_version",
    "may_write_files",
    "mint",
    "need_path",
    "no_store",
    "person_of",
    "register",
    "register_self",
    "revert",
    "rewrite",
    "seed",
    "settings_by",
    "settings_of",
    "unlock",
    "update",
    "validate",
]
