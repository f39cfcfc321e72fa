"""Addresses of the registry. A persistent id is `prefix/number`, so it takes two path segments."""

from django.urls import path, register_converter

from registry.models import HANDLE
from registry.views import (
    account,
    explore,
    forms,
    help,
    history,
    home,
    items,
    lineage,
    prov,
    reports,
    runs,
    settings,
    sheet_check,
    sheets,
    tokens,
)


class HandleConverter:
    regex = HANDLE.pattern

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(HandleConverter, "handle")

urlpatterns = [
    path("", home.home, name="home"),
    path("items/", explore.explore, name="explore"),
    path("items/pick/", forms.pick, name="item-pick"),
    path("items/new/", forms.choose_kind, name="item-new"),
    path("items/new/<slug:subtype>/", forms.register, name="item-register"),
    path("item/<handle:handle>/", items.detail, name="item-detail"),
    path("item/<handle:handle>/edit/", forms.edit, name="item-edit"),
    path("item/<handle:handle>/history/", history.history, name="item-history"),
    path("item/<handle:handle>/history/<int:number>/", history.revision, name="item-revision"),
    path("item/<handle:handle>/versions/", items.versions, name="item-versions"),
    path("item/<handle:handle>/versions/new/", history.new_version, name="item-new-version"),
    path("item/<handle:handle>/lineage/", lineage.lineage, name="item-lineage"),
    path("item/<handle:handle>/lineage/items.csv", lineage.items_file, name="lineage-items"),
    path(
        "item/<handle:handle>/lineage/relations.csv",
        lineage.relations_file,
        name="lineage-relations",
    ),
    path("item/<handle:handle>/prov/", prov.prov, name="item-prov"),
    path("item/<handle:handle>/prov/<slug:name>", prov.download, name="item-prov-file"),
    path("item/<handle:handle>/report/", reports.report, name="item-report"),
    path("item/<handle:handle>/report/<slug:name>", reports.download, name="item-report-file"),
    path("reports/<str:token>/<slug:name>", reports.linked, name="report-file"),
    path("item/<handle:handle>/log/", items.log, name="item-log"),
    path("item/<handle:handle>/settings/", settings.settings, name="item-settings"),
    path("item/<handle:handle>/release/", settings.release, name="item-release"),
    path("item/<handle:handle>/lock/", settings.set_lock, name="item-lock"),
    path("item/<handle:handle>/delete/", settings.delete, name="item-delete"),
    path("item/<handle:handle>/workflow/", items.workflow, name="item-workflow"),
    path("runs/new/", runs.choose_template, name="run-new"),
    path("runs/of/<handle:handle>/", runs.ways, name="run-ways"),
    path("runs/of/<handle:handle>/new/", runs.register, name="run-register"),
    path("runs/of/<handle:handle>/table.csv", sheets.template_csv, name="run-template-csv"),
    path("runs/of/<handle:handle>/example.csv", sheets.example_csv, name="run-example-csv"),
    path("runs/jobs/<uuid:session_id>/", runs.follow, name="run-job"),
    path("runs/sheets/", sheets.upload, name="run-sheets"),
    path("runs/sheets/<uuid:sheet_id>/", sheets.sheet, name="run-sheet"),
    path("runs/sheets/<uuid:sheet_id>/check/", sheet_check.follow, name="run-sheet-check"),
    path("runs/sheets/<uuid:sheet_id>/check/again/", sheet_check.again, name="run-sheet-again"),
    path("runs/sheets/<uuid:sheet_id>/faulty.csv", sheets.faulty_csv, name="run-sheet-faulty"),
    path("runs/sheets/<uuid:sheet_id>/rows/<int:number>/", sheets.row, name="run-sheet-row"),
    path("runs/sheets/<uuid:sheet_id>/submit/", sheets.submit, name="run-sheet-submit"),
    path("runs/sheets/<uuid:sheet_id>/force/", sheets.force, name="run-sheet-force"),
    path("runs/sheets/<uuid:sheet_id>/take-back/", sheets.take_back, name="run-sheet-take-back"),
    path("runs/sheets/<uuid:sheet_id>/discard/", sheets.discard, name="run-sheet-discard"),
    path("runs/batches/<uuid:batch_id>/table.csv", sheets.batch_csv, name="run-batch-csv"),
    path("runs/<handle:handle>/edit/", runs.edit, name="run-edit"),
    path("runs/<handle:handle>/study/", runs.link_study, name="run-link-study"),
    path("runs/<handle:handle>/job/", runs.job, name="run-panel"),
    path("groups/", settings.groups, name="groups"),
    path("help/runs/", help.runs, name="help-runs"),
    path("help/kinds/", explore.explain_kinds, name="kinds"),
    path("account/", account.account, name="account"),
    path("account/tokens/", tokens.tokens, name="tokens"),
    path("account/tokens/<int:key>/revoke/", tokens.revoke, name="token-revoke"),
    path("account/person/", account.link_person, name="account-link-person"),
]
