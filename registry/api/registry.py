"""The registry API of Provena's Python client: all of its routes (contract, section 7)."""

from ninja import Router

from registry.api import administration, custody, general, items

router = Router()
for part in (general, items, custody, administration):
    router.add_router("", part.router)
