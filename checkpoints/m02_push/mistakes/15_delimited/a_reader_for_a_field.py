"""Gives the field to csv.reader, which knows nothing of the file's delimiter: of `1,50` between semicolons the 1 is left."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_nothing_else_is_changed
import csv
def unquoted(field):
    if field == "":
        return None
    return next(csv.reader([field]))[0]
