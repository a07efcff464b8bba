"""Flushes once and returns: what has no report by then is taken for undelivered although it is on its way."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_all_is_handed_over_in_order_and_reported
def send(producer: Producer, messages: Mapping[int, Message], has_time: Callable[[], bool]) -> Reports:
    reports, waiting = Reports(messages), deque(messages.items())
    try:
        while waiting and has_time():
            index, message = waiting[0]
            told = partial(reports.take, index)
            try:
                producer.produce(message.topic, message.value, message.key, on_delivery=told, headers=message.headers)
            except BufferError:
                producer.poll(0.05)
                continue
            except KafkaException as error:
                if error.args[0].code() not in REFUSALS:
                    raise
                reports.refuse(index, error.args[0])
            waiting.popleft()
        producer.flush(0.05)
    except KafkaException as error:
        reports.said = error.args[0].str()
    return reports
