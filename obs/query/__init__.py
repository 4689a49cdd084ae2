"""How are PromQL and LogQL written, read and compared?"""
