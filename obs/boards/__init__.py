"""Which questions can a panel ask, and what does a board look like in Grafana's JSON?"""
