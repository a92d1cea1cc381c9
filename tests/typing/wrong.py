"""Wrong uses, each of which a type checker has to report: the comments name mypy's codes."""

from __future__ import annotations

from typing import Any

from fastbatch import Capture, Client, Config, GroupIdentify, Properties, Track

Client("WK", batchsize=100)  # call-arg
Client("WK", batch_size="100")  # arg-type
Client("WK", on_full="drop")  # arg-type
Client("WK", compression="brotli")  # arg-type
Client("WK", retry_after=lambda: 1.0)  # arg-type
Client("WK", transport=object())  # arg-type
Client("WK", callback=print)  # arg-type
Client("WK", "segment")  # call-arg
Client()  # call-arg
Config(bach_size=100)  # call-arg

client = Client("WK")
client.track("user-1", 7)  # arg-type
client.track("user-1", "Event", [("a", 1)])  # arg-type
client.track("user-1", "Event", propertys={})  # call-arg
client.track(["user-1"], "Event")  # arg-type
client.identify("user-1", "traits")  # arg-type
client.enqueue({"event": "Event"})  # arg-type
client.enqueue(Track(userId="user-1"))  # call-arg
client.enqueue(Capture("user-1", "Event"))  # call-arg
client.enqueue(Capture(distinct_id="user-1", event="Event", uuid=7))  # arg-type
client.enqueue(GroupIdentify(group_type="company", key="acme"))  # call-arg
client.flush("5")  # arg-type
client.flush().delivered = 3  # misc
client.stats().accepted = 3  # misc
print(client.stats().sent)  # attr-defined
Properties().set_revenue("39.95")  # arg-type
Properties().set_revnue(39.95)  # attr-defined
count: int = client.track("user-1", "Event")
text: str = client.track("user-1", "Event")  # assignment


class HalfATransport:
    def send(self, request: Any) -> None: ...


Client("WK", transport=HalfATransport())  # arg-type
