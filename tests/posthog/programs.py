"""Texts of whole programs that the tests run in processes of their own, because Django is configured once a process."""

DJANGO = '''
import asyncio, json, sys
import django
from django.conf import settings

def view(request):
    import fastbatch.posthog as posthog
    posthog.capture("seen")
    return JsonResponse({{"ok": True}})

def failing(request):
    raise ValueError("on purpose")

async def async_view(request):
    import fastbatch.posthog as posthog
    posthog.capture("seen")
    return JsonResponse({{"ok": True}})

async def async_failing(request):
    raise ValueError("on purpose")

class Person:
    is_authenticated = True
    pk = 42
    email = "ann@example.com"

def login(get_response):
    """Stands for Django's own authentication, which needs a database."""
    async def auser():
        return Person()
    if asyncio.iscoroutinefunction(get_response):
        async def middleware(request):
            if request.headers.get("X-Logged-In"):
                request.auser = auser
            return await get_response(request)
    else:
        def middleware(request):
            if request.headers.get("X-Logged-In"):
                request.user = Person()
            return get_response(request)
    return middleware

from django.utils.decorators import sync_and_async_middleware
login = sync_and_async_middleware(login)

settings.configure(
    DEBUG=False,
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["__main__.login", {middleware!r}],
    LOGGING_CONFIG=None,
    **{options},
)
django.setup()

from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
import fastbatch.posthog as posthog

posthog.api_key = "phc_module"
posthog.host = sys.argv[1]
urlpatterns = [
    path("seen", view), path("fails", failing), path("aseen", async_view), path("afails", async_failing),
]
{body}
posthog.shutdown()
'''

CONTEXT_MIDDLEWARE = "fastbatch.posthog.integrations.django.PosthogContextMiddleware"
SENTRY_MIDDLEWARE = "fastbatch.posthog.sentry.django.PosthogDistinctIdMiddleware"


def django_program(body: str, options: str = "{}", middleware: str = CONTEXT_MIDDLEWARE) -> str:
    """Return a Django application with views that report and views that fail, followed by ``body``."""
    return DJANGO.format(body=body, options=options, middleware=middleware)
