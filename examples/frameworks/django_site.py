"""A Django site in one module: its settings and its routes."""

from django.http import HttpRequest, JsonResponse
from django.urls import path

ROOT_URLCONF = __name__
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "an example"  # noqa: S105 - it signs nothing


def user(_: HttpRequest, number: int) -> JsonResponse:
    """Answer."""
    return JsonResponse({"id": number})


def fail(_: HttpRequest) -> JsonResponse:
    """Fail."""
    raise ValueError


urlpatterns = [path("v1/users/<int:number>", user), path("fail", fail)]
