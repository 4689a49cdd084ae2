"""Django: `uvicorn examples.frameworks.django_asgi:application`."""

import os

from django.core.asgi import get_asgi_application

from watchkeeper import instrument

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.frameworks.django_site")
application = get_asgi_application()
application = instrument(application)
