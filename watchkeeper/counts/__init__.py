"""How are counts kept, merged and written as text?"""
