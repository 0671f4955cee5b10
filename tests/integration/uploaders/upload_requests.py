"""Uploads with requests: PORT VERSION SIZE TRIES IS_CHUNKED IS_SECOND, one status a line.

SPDX-License-Identifier: MIT
"""

import ssl
import sys
import warnings

import requests
import requests.adapters

PORT, VERSION = sys.argv[1:3]
SIZE, TRIES, IS_CHUNKED, IS_SECOND = map(int, sys.argv[3:])
PIECE = 16384


class Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *arguments, **more):
        version = ssl.TLSVersion.TLSv1_2 if VERSION == "1.2" else ssl.TLSVersion.TLSv1_3
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        super().init_poolmanager(*arguments, ssl_context=context, **more)


def pieces():
    for _ in range(SIZE // PIECE):
        yield bytes(PIECE)
    if SIZE % PIECE:
        yield bytes(SIZE % PIECE)


def once():
    scheme = "http" if VERSION == "plain" else "https"
    url = f"{scheme}://127.0.0.1:{PORT}"
    with requests.Session() as session:
        session.mount("https://", Adapter())
        session.trust_env = False
        if IS_SECOND:
            assert session.get(url + "/open", verify=False).status_code == 200
        body = pieces() if IS_CHUNKED else bytes(SIZE)
        answer = session.post(url + "/guarded", data=body, verify=False, timeout=60)
        return f"{answer.status_code} {len(answer.content) > 0}"


warnings.simplefilter("ignore")
for _ in range(TRIES):
    try:
        print(once())
    except Exception as problem:  # whatever it is, it is the result
        print(type(problem).__name__, problem)
