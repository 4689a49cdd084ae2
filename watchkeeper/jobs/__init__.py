"""How are the runs of background jobs counted?"""
