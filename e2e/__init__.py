"""Do the real programs, started together, show what the dashboards show and wake whom the alerts wake?"""
