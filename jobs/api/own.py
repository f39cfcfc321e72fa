"""Our own API of jobs: what Provena's has no route for."""

from ninja import Router

router = Router(tags=["Jobs, our own"])
