"""Makes room, and goes on with the next message: the one that met the full queue is gone."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_a_full_queue_is_waited_for, test_ex2_time_is_asked_for
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
