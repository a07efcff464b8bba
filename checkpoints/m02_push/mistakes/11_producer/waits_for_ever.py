"""Waits until nothing is pending, whatever the time: one silent broker, and the relay never stops."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_time_is_asked_for
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
        while reports.pending and len(producer) and producer.now_ms < 10_000:
            producer.flush(0.05)
    except KafkaException as error:
        reports.said = error.args[0].str()
    return reports
