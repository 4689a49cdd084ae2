"""What do browsers report of the pages people see?"""
