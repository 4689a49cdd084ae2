"""How does what the code says get into Grafana, and what did people change there since?"""
