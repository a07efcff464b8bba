"""Asks for the time at the end only: behind a queue that stays full it spins for ever."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_time_is_asked_for
def send(producer: Producer, messages: Mapping[int, Message], has_time: Callable[[], bool]) -> Reports:
    reports, waiting = Reports(messages), deque(messages.items())
    try:
        for _ in range(5_000):
            if not waiting:
                break
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
        while reports.pending and len(producer) and has_time():
            producer.flush(0.05)
    except KafkaException as error:
        reports.said = error.args[0].str()
    return reports
