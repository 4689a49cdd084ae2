"""Does a push leave Grafana in the state it promised, whatever happens on the way?"""
