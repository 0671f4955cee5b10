"""Reading traces: the folder they are written to, and the structure that a trace has.

SPDX-License-Identifier: MIT
"""

import html.parser
import os
import re
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree

from events import eventually

EVENT = "{http://schemas.microsoft.com/win/2004/08/events/event}"
TRACE = "{http://schemas.microsoft.com/win/2004/08/events/trace}"
FREB = "{http://schemas.microsoft.com/win/2006/06/iis/freb}"
GUID = re.compile(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}")

# iis-semantics.md 7.2
ROOT = ["url", "siteId", "appPoolId", "processId", "verb", "remoteUserName", "userName",
        "tokenUserName", "authenticationType", "activityId", "failureReason", "statusCode",
        "triggerStatusCode", "timeTaken"]
SYSTEM = ["Provider", "EventID", "Version", "Level", "Opcode", "Keywords", "TimeCreated",
          "Correlation", "Execution", "Computer"]
WWW_SERVER = "{3A2A4E84-4C21-4981-AE10-3FDA0D9B0F83}"
GENERAL = "{D42CF7EF-DE92-473E-8B6C-621EA663113A}"
NOTIFICATIONS = "{002E91E3-E7AE-44AB-8E07-99230FFA6ADE}"
AUTHENTICATION = "{C33BBE8F-985B-4080-81E6-005F1A06B9E2}"
# name: (level, opcode, keywords, guid, data after ContextId, described data)
EVENTS = {
    "GENERAL_REQUEST_START": (0, 1, "0x0", GENERAL, [
        "SiteId", "AppPoolId", "ConnId", "RawConnId", "RequestURL", "RequestVerb"], []),
    "GENERAL_ENDPOINT_INFORMATION": (4, 55, "0x0", GENERAL, [
        "RemoteAddress", "RemotePort", "LocalAddress", "LocalPort"], []),
    "GENERAL_REQUEST_HEADERS": (4, 50, "0x0", GENERAL, ["Headers"], []),
    "GENERAL_RESPONSE_HEADERS": (4, 47, "0x0", GENERAL, ["Headers"], []),
    "GENERAL_FLUSH_RESPONSE_START": (4, 35, "0x0", GENERAL, [], []),
    "GENERAL_FLUSH_RESPONSE_END": (4, 36, "0x0", GENERAL, ["BytesSent", "ErrorCode"],
                                   ["ErrorCode"]),
    "GENERAL_REQUEST_END": (0, 2, "0x0", GENERAL, [
        "BytesSent", "BytesReceived", "HttpStatus", "HttpSubStatus"], []),
    "NOTIFY_MODULE_START": (5, 1, "0x100", NOTIFICATIONS, [
        "ModuleName", "Notification", "fIsPostNotification"], ["Notification"]),
    "NOTIFY_MODULE_END": (5, 2, "0x100", NOTIFICATIONS, [
        "ModuleName", "Notification", "fIsPostNotificationEvent", "NotificationStatus"],
        ["Notification", "NotificationStatus"]),
    "MODULE_SET_RESPONSE_ERROR_STATUS": (3, 16, "0x100", NOTIFICATIONS, [
        "ModuleName", "Notification", "HttpStatus", "HttpReason", "HttpSubStatus", "ErrorCode",
        "ConfigExceptionInfo"], ["Notification", "ErrorCode"]),
    "AUTH_START": (4, 10, "0x2", AUTHENTICATION, ["AuthTypeSupported"], ["AuthTypeSupported"]),
    "AUTH_SUCCEEDED": (4, 11, "0x2", AUTHENTICATION, [
        "AuthType", "NTLMUsed", "RemoteUserName", "AuthUserName", "TokenImpersonationLevel"],
        ["AuthType"]),
    "AUTH_END": (4, 28, "0x2", AUTHENTICATION, [], []),
}
KEYWORDS = {"0x0": None, "0x100": "RequestNotifications", "0x2": "Authentication",
            "0x1": "ClientCertificate"}


class Event:
    def __init__(self, element):
        self.element = element
        self.name = element.find(f"{EVENT}RenderingInfo/{EVENT}Opcode").text
        self.data = {one.get("Name"): one.text or ""
                     for one in element.find(f"{EVENT}EventData")}
        self.descriptions = {one.get("Data"): one.text or ""
                             for one in element.iter(f"{FREB}Description")}


class Trace:
    """One fr000001.xml, checked as it is read."""

    def __init__(self, path):
        self.path = path
        self.page = Page(path[:-len("xml")] + "html")
        with open(path, "rb") as source:
            self.bytes = source.read()
        self.root = ElementTree.fromstring(self.bytes)
        self.events = [Event(element) for element in self.root]
        self._check()

    def get(self, name):
        return self.root.get(name)

    def all(self, name):
        return [one.data for one in self.events if one.name == name]

    def one(self, name):
        found = self.all(name)
        assert len(found) == 1, f"{name}: {len(found)} of them"
        return found[0]

    def _check(self):
        start = self.bytes[:400].split(b"\n")
        assert start[0] == b'<?xml version="1.0" encoding="UTF-8" ?>'
        assert start[1] == b"<?xml-stylesheet type='text/xsl' href='freb.xsl'?>"
        assert start[2] == b"<!-- saved from url=(0014)about:internet -->"
        assert self.root.tag == "failedRequest"
        assert list(self.root.attrib) == ROOT
        for name in ROOT[1:]:
            assert f'\n               {name}="'.encode() in self.bytes
        assert b'xmlns:freb="http://schemas.microsoft.com/win/2006/06/iis/freb"' in self.bytes
        assert self.get("failureReason") in ("STATUS_CODE", "TIME_TAKEN")
        assert re.fullmatch(r"[1-9]\d\d(\.[1-9]\d{0,2})?", self.get("statusCode"))
        assert re.fullmatch(r"\d+", self.get("timeTaken"))
        for event in self.events:
            self._check_event(event)
        names = [event.name for event in self.events]
        assert names[0] == "GENERAL_REQUEST_START" and names[-1] == "GENERAL_REQUEST_END"
        times = [one.find(f"{EVENT}System/{EVENT}TimeCreated").get("SystemTime") for one in self.root]
        assert times == sorted(times)
        assert names.count("NOTIFY_MODULE_START") == names.count("NOTIFY_MODULE_END")

    def _check_event(self, event):
        system, data, rendering, extended = list(event.element)
        assert [one.tag for one in event.element] == [
            f"{EVENT}System", f"{EVENT}EventData", f"{EVENT}RenderingInfo",
            f"{TRACE}ExtendedTracingInfo"]
        assert [one.tag for one in system] == [EVENT + name for name in SYSTEM]
        provider = system.find(f"{EVENT}Provider")
        assert list(provider.attrib) == ["Name", "Guid"] and GUID.fullmatch(provider.get("Guid"))
        assert system.find(f"{EVENT}EventID").text == "0"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                            system.find(f"{EVENT}TimeCreated").get("SystemTime"))
        activity = self.get("activityId")
        assert GUID.fullmatch(activity)
        assert system.find(f"{EVENT}Correlation").get("ActivityID") == activity
        assert system.find(f"{EVENT}Execution").get("ProcessID") == self.get("processId")
        assert all(one.tag == f"{EVENT}Data" and list(one.attrib) == ["Name"] for one in data)
        names = [one.get("Name") for one in data]
        assert names[0] == "ContextId" and event.data["ContextId"] == activity
        assert rendering.get("Culture") == "en-US"
        keywords = system.find(f"{EVENT}Keywords").text
        keyword = rendering.find(f"{EVENT}Keywords/{EVENT}Keyword")
        assert KEYWORDS[keywords] == (None if keyword is None else keyword.text)
        guid = extended.find(f"{TRACE}EventGuid").text
        if provider.get("Name") != "WWW Server":
            assert provider.get("Name") == "mtls-proxy" and event.name not in EVENTS
            assert GUID.fullmatch(guid)
            return
        assert provider.get("Guid") == WWW_SERVER
        level, opcode, wanted_keywords, wanted_guid, wanted, described = EVENTS[event.name]
        assert system.find(f"{EVENT}Level").text == str(level)
        assert system.find(f"{EVENT}Opcode").text == str(opcode)
        assert (keywords, guid) == (wanted_keywords, wanted_guid)
        assert names[1:] == wanted, event.name
        assert list(event.descriptions) == described, event.name


class Page(html.parser.HTMLParser):
    """The fr000001.html beside it: its text, and that nothing in it runs or is fetched."""

    ALLOWED = set("html head meta title style body main header section footer div span h1 h2 h3 p b "
                  "i code pre ol ul li dl dt dd table tr th td svg circle path".split())

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.text, self.is_style, self.open = "", False, []
        with open(path, encoding="utf-8") as source:
            self.source = source.read()
        self.feed(self.source)
        self.close()
        assert self.open == [], "every element is closed"
        for word in ("http://", "https://www", "url(", "@import"):
            assert word not in self.source.split("</style>")[0], word

    def handle_starttag(self, tag, attrs):
        assert tag in self.ALLOWED, tag
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "href"), name
            assert name != "style" or re.fullmatch(r"[a-z0-9:;%]*", value), value
        if tag not in ("meta", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "circle"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


class Folder:
    """Where traces go; the workers' user may reach it."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="mtls-proxy-traces-")
        os.chmod(self.base, 0o755)
        self.path = os.path.join(self.base, "traces")

    def names(self, ending="xml"):
        try:
            return sorted(one for one in os.listdir(self.path)
                          if one.startswith("fr") and one.endswith("." + ending))
        except FileNotFoundError:
            return []

    def wait(self, *names):
        """The traces of these names; they are whole as soon as they are there."""
        wanted = [f"{name}.xml" for name in names]
        eventually(lambda: set(wanted) <= set(self.names()), f"there are {wanted}")
        return [Trace(os.path.join(self.path, name)) for name in wanted]

    def first(self):
        return self.wait("fr000001")[0]

    def remove(self):
        shutil.rmtree(self.base)
