"""How does what people made in Grafana become Python again: whole dashboards, and single edits?"""
