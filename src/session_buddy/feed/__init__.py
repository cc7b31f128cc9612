"""Publish and subscribe in one process: snapshots, then deltas; a bounded queue for each subscriber.

The core does no I/O. :mod:`session_buddy.server.live` is the shell that puts it on WebSocket and server-sent events.
"""

from session_buddy.feed.core import Feed, FeedFull, FeedLimits
from session_buddy.feed.past import Message
from session_buddy.feed.subscriber import Subscriber

__all__ = ["Feed", "FeedFull", "FeedLimits", "Message", "Subscriber"]
