"""Lets the exception out: with it go the reports on everything that was already delivered."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_nothing_is_sent_behind_one_that_was_not_handed_over, test_ex2_a_fatal_flush_is_noted
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
        while reports.pending and len(producer) and has_time():
            producer.flush(0.05)
    finally:
        pass
    return reports
