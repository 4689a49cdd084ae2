"""Django: `gunicorn examples.frameworks.django_wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from watchkeeper import instrument

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.frameworks.django_site")
application = get_wsgi_application()
application = instrument(application)
