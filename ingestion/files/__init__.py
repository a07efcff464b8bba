# Made from solutions/m02_push/14_manifest.ipynb: edit it there.
"""Files that others drop into a bucket: which are there, what they say, and how far each has been loaded."""
