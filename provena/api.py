"""All HTTP APIs together, as one: so they share errors, limits and the page that documents them."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, path
from ninja import Swagger

import jobs.api.answers
import jobs.api.compat
import jobs.api.own
from provena import described, rest
from registry.api import answers, data, finding, people, prov, registry

DESCRIPTION = f"""
Jobs and the registry from code. The routes under `/job-api`, `/registry-api`, `/prov-api`,
`/data-api`, `/search` and `/auth-api` are those that Provena's Python client calls; those under
`/api/v1` are our own.

Every request but a health check carries `Authorization: Bearer <token>`. A token acts with the
rights of who issued it, [on their account page](/account/tokens/) or by `manage.py create_token`.

Refusals are JSON: `detail` is a sentence, `code` a word for programs, and `ids` what it is about.
One that is about the shape of a request (422) lists all faults, each with its place. 500 is our
fault; its sentence has a reference for an administrator.

**Limits.** A token makes at most {settings.API_REQUESTS_PER_MINUTE:,} requests in a minute; then
the answer is 429, and says in `Retry-After` when to come back. A body has at most
{described.megabytes()} MB (413). A page of a list has at most 100 rows. A request that waits for a
job is answered within 25 seconds, and too many that wait by 503.
"""

api = described.DescribedAPI(
    title="Provena Jobs",
    version="1",
    description=DESCRIPTION,
    docs=Swagger(settings={"defaultModelsExpandDepth": -1, "docExpansion": "none"}),
    docs_url="/api/docs",
    openapi_url="/api/openapi.json",
    urls_namespace="api",
    auth=rest.Bearer(),
    parser=rest.StrictParser(),
)
rest.install(api)
answers.install(api)
jobs.api.answers.install(api)

ROUTERS = {
    "/job-api": jobs.api.compat.router,
    "/registry-api": registry.router,
    "/prov-api": prov.router,
    "/data-api": data.router,
    "/search": finding.router,
    "/auth-api": people.router,
    "/api/v1": jobs.api.own.router,
}
for prefix, router in ROUTERS.items():
    api.add_router(prefix, router)


def _routes() -> list[URLPattern | URLResolver]:
    """The addresses of the API, then one that answers for every other below its prefixes: a page
    that says so, or a redirect to an address with a slash, would mean nothing to a client."""
    own, _, _ = api.urls
    missing = [
        path(f"{prefix.lstrip('/')}{rest_of}", rest.not_found)
        for prefix in ROUTERS
        for rest_of in ("", "/<path:rest>")
    ]
    for route in [*own, *missing]:
        if isinstance(route, URLPattern):
            login_not_required(route.callback)  # they ask for a token, not for a session
    return [*own, *missing]


urlpatterns = (_routes(), "api")
