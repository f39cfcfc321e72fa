"""All addresses of the site."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import TemplateView

from jobs.ops_views import healthz
from provena import api, realm

handler400 = "provena.http.bad_request"
handler404 = "registry.views.common.not_found"

urlpatterns = [
    path("", include("registry.urls")),
    path("jobs/", include("jobs.urls")),
    path("help/", include("jobs.help_urls")),
    path("account/login/", auth.LoginView.as_view(), name="login"),
    path("account/logout/", auth.LogoutView.as_view(), name="logout"),
    path("account/password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path(
        "account/password/done/",
        auth.PasswordChangeDoneView.as_view(),
        name="password_change_done",
    ),
    path(
        "robots.txt",
        login_not_required(
            TemplateView.as_view(template_name="robots.txt", content_type="text/plain")
        ),
    ),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("auth/realms/<slug:realm>", realm.about, name="realm"),
    path("auth/realms/<slug:realm>/protocol/openid-connect/token", realm.token, name="token"),
    path("", include(api.urlpatterns)),
]
