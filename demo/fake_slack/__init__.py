"""A Slack of our own on 127.0.0.1, for tests and the demo.

It speaks Slack's HTTP and Socket Mode, checks every call, lets people act, and can be told to misbehave.
"""

from demo.fake_slack.people import Person
from demo.fake_slack.records import AssistantThread, Channel, Message, View, Workspace
from demo.fake_slack.screen import Seen
from demo.fake_slack.server import FakeSlack

__all__ = ["AssistantThread", "Channel", "FakeSlack", "Message", "Person", "Seen", "View", "Workspace"]
