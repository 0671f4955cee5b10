"""gRPC through the proxy: a client and a server of grpcio, HTTP/2 on both sides.

SPDX-License-Identifier: MIT
"""

import concurrent.futures
import queue
import threading

import pytest

import h2upstream
from events import DEADLINE, eventually
from h2client import Client
from proxy import Proxy, configuration, free_port, site

grpc = pytest.importorskip("grpc")
Code = grpc.StatusCode


class Service(grpc.GenericRpcHandler):
    """Bytes in, bytes out."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.gate = threading.Event()
        self.metadata = queue.Queue()

    def service(self, details):
        made = {
            "/t/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/t/Down": grpc.unary_stream_rpc_method_handler(self.down),
            "/t/Up": grpc.stream_unary_rpc_method_handler(self.up),
            "/t/Both": grpc.stream_stream_rpc_method_handler(self.both),
            "/t/Fails": grpc.unary_unary_rpc_method_handler(self.fails),
            "/t/Waits": grpc.unary_stream_rpc_method_handler(self.waits),
        }
        return made.get(details.method)

    def unary(self, request, context):
        self.metadata.put(dict(context.invocation_metadata()))
        context.set_trailing_metadata((("x-sum", str(len(request))),))
        return request

    def down(self, request, context):
        yield from (request + b"%d" % i for i in range(50))

    def up(self, requests, context):
        return b"%d" % sum(len(one) for one in requests)

    def both(self, requests, context):
        yield from requests

    def fails(self, request, context):
        context.abort(Code.FAILED_PRECONDITION, "not today: 100 %, \u00fc")

    def waits(self, request, context):
        context.add_callback(self.cancelled.set)
        yield b"first"
        self.gate.wait(DEADLINE)


@pytest.fixture(scope="module")
def service():
    made = Service()
    yield made
    made.gate.set()


@pytest.fixture(scope="module")
def server(service):
    started = grpc.server(concurrent.futures.ThreadPoolExecutor(20), handlers=(service,),
                          options=[("grpc.max_receive_message_length", -1)])
    port = started.add_insecure_port("127.0.0.1:0")
    started.start()
    yield f"http://127.0.0.1:{port}"
    started.stop(None).wait()


@pytest.fixture(scope="module")
def proxy(basics, server):
    made = site(basics, upstream="grpc", errors={"mode": "detailed"}, locations=[
        {"path": "/away", "upstream": "away"},
        {"path": "/secret", "errors": {"mode": "custom"}}])
    away = f"http://127.0.0.1:{free_port()}"
    groups = {"grpc": {"servers": [{"url": server}], "protocol": "http2"},
              "away": {"servers": [{"url": away}], "protocol": "http2", "retry_wait": "0s"}}
    with Proxy(configuration(made, upstreams=groups)) as started:
        yield started


def connect(basics, proxy, identity):
    with open(basics.path("root.pem"), "rb") as root:
        keys = {"root_certificates": root.read()}
    if identity:
        chain = identity.pem + "".join(one.pem for one in identity.above())
        keys.update(private_key=identity.key_pem.encode(), certificate_chain=chain.encode())
    host, port = proxy.address()
    return grpc.secure_channel(
        f"{host}:{port}", grpc.ssl_channel_credentials(**keys),
        options=[("grpc.ssl_target_name_override", "server.test"),
                 ("grpc.default_authority", "server.test"), ("grpc.enable_retries", 0),
                 ("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)])


@pytest.fixture
def channel(basics, proxy):
    with connect(basics, proxy, basics.alice) as made:
        yield made


def failure(call, *arguments, **more):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=DEADLINE, **more)
    return caught.value.code(), caught.value.details()


@pytest.mark.parametrize("size", [0, 1, 70000, 9_000_000])
def test_unary(channel, service, size):
    answer, call = channel.unary_unary("/t/Unary").with_call(b"x" * size, timeout=DEADLINE)
    assert answer == b"x" * size and call.code() == Code.OK
    assert ("x-sum", str(size)) in [tuple(one) for one in call.trailing_metadata()]
    service.metadata.get(timeout=DEADLINE)


def test_identity_in_metadata_stays_behind(channel, service):
    channel.unary_unary("/t/Unary")(b"", timeout=DEADLINE, metadata=(
        ("x-ssl-client-dn", "forged"), ("x_remote_user", "forged"), ("x-mine", "kept")))
    seen = service.metadata.get(timeout=DEADLINE)
    assert seen["x-mine"] == "kept" and "forged" not in seen.values()


def test_streams(channel):
    down = list(channel.unary_stream("/t/Down")(b"n", timeout=DEADLINE))
    assert down == [b"n%d" % i for i in range(50)]
    assert channel.stream_unary("/t/Up")(iter([b"ab"] * 500), timeout=DEADLINE) == b"1000"


def test_both_streams_at_once(channel):
    """Each answer is there before the next question is asked."""
    questions = queue.Queue()
    answers = channel.stream_stream("/t/Both")(iter(questions.get, None), timeout=DEADLINE)
    for i in range(20):
        questions.put(b"%d" % i)
        assert next(answers) == b"%d" % i
    questions.put(None)
    assert not list(answers) and answers.code() == Code.OK


def test_a_status_of_the_server(channel):
    assert failure(channel.unary_unary("/t/Fails"), b"") == (Code.FAILED_PRECONDITION,
                                                            "not today: 100 %, \u00fc")
    assert failure(channel.unary_unary("/t/Nothing"), b"")[0] == Code.UNIMPLEMENTED


def test_a_deadline_and_a_cancellation_reach_the_server(channel, service):
    service.cancelled.clear()
    call = channel.unary_stream("/t/Waits")(b"", timeout=DEADLINE)
    assert next(call) == b"first"
    call.cancel()
    assert service.cancelled.wait(DEADLINE)
    service.cancelled.clear()
    with pytest.raises(grpc.RpcError) as caught:
        list(channel.unary_stream("/t/Waits")(b"", timeout=5))
    assert caught.value.code() == Code.DEADLINE_EXCEEDED
    assert service.cancelled.wait(DEADLINE)


def test_who_is_refused_is_told_why(basics, proxy):
    with connect(basics, proxy, None) as channel:
        code, details = failure(channel.unary_unary("/t/Unary"), b"")
        assert code == Code.UNAUTHENTICATED and details.startswith("403.7 ")
        code, details = failure(channel.unary_unary("/secret/Unary"), b"")
        assert code == Code.UNAUTHENTICATED and details.startswith("Forbidden (request ")


def test_a_server_that_is_away(channel):
    code, details = failure(channel.unary_unary("/away/Unary"), b"")
    assert code == Code.UNAVAILABLE and details.startswith("502.3 ")


def test_the_status_of_http_stays(basics, proxy):
    with Client(proxy) as client:
        answer = client.wait(client.ask("/t/Unary", "POST", b"", fields=[
            ("content-type", "application/grpc"), ("te", "trailers")]))
        assert (answer.status, answer.header("grpc-status"), answer.body) == (403, "16", b"")
        answer = client.wait(client.ask("/t/Unary", "POST", b"", fields=[
            ("content-type", "application/grpc-web")]))
        assert answer.status == 403 and answer.header("grpc-status") is None


@pytest.mark.parametrize("fields", [[("content-type", "text/html")], [
    ("content-type", "application/grpc"), ("content-length", "10")]])
def test_what_cannot_have_a_status_behind_it_is_cut_off(basics, fields):
    with h2upstream.Both(basics) as both, both.client() as client:
        @both.server.h2_on("/t/Page")
        def _(stream):
            stream.respond(200, fields)
            stream.send(b"half")
            stream.abort()
        answer = client.wait(client.ask("/t/Page", "POST", b"", fields=[
            ("content-type", "application/grpc")]))
        assert answer.reset is not None and not answer.trailers


def test_an_upstream_that_breaks_off_is_told_behind_the_body(basics):

    with h2upstream.Both(basics) as both, both.client() as client:
        @both.server.h2_on("/t/Breaks")
        def _(stream):
            stream.respond(200, [("content-type", "application/grpc")])
            stream.send(b"\0\0\0\0\1a")
            stream.abort()
        answer = client.wait(client.ask("/t/Breaks", "POST", b"", fields=[
            ("content-type", "application/grpc")]))
        assert answer.body == b"\0\0\0\0\1a" and answer.reset is None
        assert ("grpc-status", "14") in list(answer.trailers)
        eventually(lambda: both.proxy.verdict("/t/Breaks")[0] == 200, "the line of the access log")
