"""Who may do what with an item. Every rule on access is here and nowhere else.

So far each item has the access that the domain gives to new ones: every registry user may read
its metadata.
"""

from django.contrib.auth.models import User
from django.db.models import Q


def may_read(user: User) -> Q:
    """The items that `user` may read, as a condition for a query: all for who is signed in."""
    return Q() if user.is_authenticated and user.is_active else Q(pk__in=[])
