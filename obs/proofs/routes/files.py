"""Which files of the stack decide who hears of an alert?"""

from obs.output.built import FOLDER
from obs.place import Place

ALERTMANAGER = "alertmanager/alertmanager.yml"
TEMPLATES = "alertmanager/templates/messages.tmpl"
PROMETHEUS = "prometheus/prometheus.yml"
GRAFANA = "grafana/grafana.ini"


def below(path: str, item: str = "") -> Place:
    """Return the place of a file the programs load."""
    return Place(f"{FOLDER}/{path}", item=item)
