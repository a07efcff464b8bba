"""Makes the callbacks in a loop with a lambda: each of them reports on the last message."""
#| exercise: m02-11-ex2
#| caught by: test_ex2_each_message_gets_its_own_report
def send(producer: Producer, messages: Mapping[int, Message], has_time: Callable[[], bool]) -> Reports:
    reports, waiting = Reports(messages), deque(messages.items())
    index = -1
    try:
        while waiting and has_time():
            index, message = waiting[0]
            told = lambda error, message: reports.take(index, error)
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
