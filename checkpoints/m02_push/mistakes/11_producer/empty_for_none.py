"""Sends empty bytes for a value of None: a compacted topic keeps the key for ever."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_all_is_handed_over_in_order_and_reported
def send(producer, messages, has_time):
    reports = Reports(messages)
    try:
        for index, message in messages.items():
            while has_time():
                try:
                    producer.produce(message.topic, message.value or b"", message.key, headers=message.headers, on_delivery=partial(reports.take, index))
                    break
                except BufferError:
                    producer.poll(0.05)
                except KafkaException as e:
                    if e.args[0].code() in REFUSALS:
                        reports.refuse(index, e.args[0])
                        break
                    raise
            else:
                break
        while reports.pending and len(producer) and has_time():
            producer.flush(0.05)
    except KafkaException as e:
        reports.said = e.args[0].str()
    return reports
