"""Does Grafana get what it would write itself?"""
