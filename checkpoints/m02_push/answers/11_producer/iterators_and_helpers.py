"""Judges settings with casefold and sets, hands over with an iterator and an inner loop, and settles with a generator."""
#| exercise: m02-11-ex1
def producer_settings(bootstrap_servers: str, more: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: str(value).casefold() for name, value in more.items()}
    weaker = {name for name in ("acks", "request.required.acks") if told.get(name, "all") not in {"all", "-1"}}
    if told.get("enable.idempotence", "true") in {"false", "f", "0"}:
        weaker.add("enable.idempotence")
    if weaker:
        raise ConfigurationError(f"these settings would lose or double events: {', '.join(sorted(weaker))}")
    settings = dict(_SETTINGS)
    settings.update(more)
    return {"logger": logger, "bootstrap.servers": bootstrap_servers} | settings


#| exercise: m02-11-ex2
def send(producer: Producer, messages: Mapping[int, Message], has_time: Callable[[], bool]) -> Reports:
    reports = Reports(messages.keys())

    def callback_for(index: int) -> Callable[[Any, Any], None]:
        return lambda error, _: reports.take(index, error)

    def hand_over(index: int, message: Message) -> bool:
        while has_time():
            try:
                producer.produce(
                    message.topic,
                    value=message.value,
                    key=message.key,
                    headers=message.headers,
                    callback=callback_for(index),
                )
            except BufferError:
                producer.poll(0.1)
            except KafkaException as refusal:
                error = refusal.args[0]
                if error.code() in REFUSALS:
                    reports.refuse(index, error)
                    return True
                reports.said = error.str()
                return False
            else:
                return True
        return False

    if all(hand_over(index, message) for index, message in messages.items()) or True:
        try:
            while has_time() and reports.pending and producer.flush(0.1):
                pass
        except KafkaException as fatal:
            reports.said = str(fatal.args[0])
    return reports


#| exercise: m02-11-ex3
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    together = attempt({index: message for index, message in enumerate(messages)})
    uncertain = deque(sorted({*together.pending, *together.failed}))
    refused, said = together.refused.copy(), together.said
    by_group = any(error.code() in REFUSED_IN_A_GROUP for error in together.failed.values())
    while by_group and uncertain:
        index = uncertain[0]
        alone = attempt({index: messages[index]})
        said = alone.said
        match alone.failed.get(index):
            case KafkaError() as error if error.code() in REFUSALS:
                refused[index] = error.str()
            case KafkaError():
                break
            case None if index in alone.pending:
                break
            case None:
                refused |= alone.refused
        uncertain.popleft()
    return Outcome(refused, frozenset(uncertain), said if uncertain else "")
