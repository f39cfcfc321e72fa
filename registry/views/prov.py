"""The W3C PROV document of an item: to look at, and to download."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from provena.http import HtmxRequest
from registry.provenance import documents, formats
from registry.views.common import item_for, item_page

MOST_SHOWN = 200_000  # characters on the page; more only slow a browser down


@require_safe
def prov(request: HtmxRequest, handle: str) -> HttpResponse:
    """The document in the format that `?format=` names, PROV-N unless another is asked for."""
    item, context = item_page(request, handle, "prov")
    chosen = _format(request.GET.get("format", "provn"))
    text = formats.write(documents.of_item(item, request.user), chosen.name)
    context |= {
        "formats": formats.FORMATS.values(),
        "chosen": chosen,
        "file": formats.file_name(handle, chosen),
        "text": text[:MOST_SHOWN],
        "is_cut": len(text) > MOST_SHOWN,
    }
    return render(request, "registry/item_prov.html", context)


@require_safe
def download(request: HtmxRequest, handle: str, name: str) -> HttpResponse:
    """The whole document as a file."""
    chosen = _format(name)
    document = documents.of_item(item_for(request.user, handle), request.user)
    answer = HttpResponse(formats.write(document, name), content_type=chosen.content_type)
    file = formats.file_name(handle, chosen)
    answer["Content-Disposition"] = content_disposition_header(True, file)
    return answer


def _format(name: str) -> formats.Format:
    if name not in formats.FORMATS:
        known = ", ".join(formats.FORMATS)
        raise Http404(f"There is no format {name!r} of PROV documents. There are: {known}.")
    return formats.FORMATS[name]
