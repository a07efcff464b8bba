# Made from solutions/m02_push/07_writer.ipynb: edit it there.
"""The outbox: events commit with the rows they tell of, and a relay brings them to Kafka."""
