"""What can be done to items: the only writers of the registry. Pages, admin, commands and API call
these functions, each of which is one transaction.

`content` registers and changes items, `removal` deletes them, `custody` says who may touch them,
`files` who may have those of datasets, `groups` keeps people who get access together, `people` says
which Person a user is, `releases` settles when data is released, `access_requests` who asks for
rights and gets them, and `rules` holds what they all check.
"""

from registry.services.access_requests import decide_access, note_on_access, request_access
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
from registry.services.groups import (
    GroupContent,
    add_member,
    create_group,
    delete_group,
    remove_member,
    set_members,
    update_group,
)
from registry.services.people import (
    assign_person,
    clear_person,
    link_person,
)
from registry.services.releases import (
    add_reviewer,
    decide_release,
    remove_reviewer,
    request_release,
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
    "GroupContent",
    "Locked",
    "NoRevision",
    "NotAllowed",
    "PersonNeeded",
    "Refused",
    "Released",
    "WrongKind",
    "add_member",
    "add_reviewer",
    "amend",
    "assign_person",
    "change_access",
    "clear_person",
    "create",
    "create_group",
    "create_version",
    "decide_access",
    "decide_release",
    "delete",
    "delete_group",
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
    "note_on_access",
    "person_of",
    "register",
    "register_self",
    "remove_member",
    "remove_reviewer",
    "request_access",
    "request_release",
    "revert",
    "rewrite",
    "seed",
    "set_members",
    "settings_by",
    "settings_of",
    "unlock",
    "update",
    "update_group",
    "validate",
]
