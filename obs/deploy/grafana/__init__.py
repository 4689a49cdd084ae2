"""How does Grafana answer, and what stands there?"""
