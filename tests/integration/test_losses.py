"""A store or a map file that a failed copy has emptied is not the wish to have an empty one: the
reload is refused and everything stays. test_crl_files is about CRLs.

SPDX-License-Identifier: MIT
"""

import os

import pytest

import tlsclient
from proxy import Proxy, configuration, site
from trust_cases import ALLOWED

DISTRUSTED = (403, 16, 0x800B0111)
NOT_LISTED = (403, 16, 0x800B0109)


class Place:
    """A folder with one file, which a site reads."""

    def __init__(self, folder, content):
        self.folder = str(folder)
        self.file = os.path.join(self.folder, "one.pem")
        os.makedirs(self.folder)
        self.write(content)

    def write(self, content):
        with open(self.file, "w", encoding="ascii") as out:
            out.write(content)


LOSSES = {
    "emptied": (lambda place: place.write(""), "is empty"),
    "deleted": (lambda place: os.remove(place.file), "and holds none now"),
    "cut-off": (lambda place: place.write("-----BEGIN CERT"), "cannot be decoded"),
}
# Key of the store, what is in it, what becomes of alice, and of her when it is taken out of the
# configuration on purpose.
STORES = {
    "disallowed": ("alice", DISTRUSTED, ALLOWED),
    "trusted_issuers": ("outside_root", NOT_LISTED, ALLOWED),
    "root": ("root", ALLOWED, NOT_LISTED),
    "intermediate": ("issuing", ALLOWED, ALLOWED),
}


def judge(proxy, client, path):
    tlsclient.fetch(proxy, path, identity=client)
    return proxy.verdict(path)


@pytest.mark.parametrize("store", STORES)
def test_an_emptied_store_refuses_the_reload(basics, tmp_path, store):
    content, verdict, released = STORES[store]
    place = Place(tmp_path / store, getattr(basics, content).pem)

    def config(*paths):
        return configuration(site(basics, trust={store: list(paths)}))

    with Proxy(config(place.folder)) as proxy:
        assert judge(proxy, basics.alice, "/before") == verdict
        for name, (lose, text) in LOSSES.items():
            lose(place)
            start = proxy.marker()
            proxy.reload(event="reload.failed")
            line = proxy.event(" reload.error ", start=start)
            assert text in line
            assert place.folder in line or f'the {store} store of site "main" ' in line
            assert judge(proxy, basics.alice, f"/{name}") == verdict
            place.write(getattr(basics, content).pem)
        os.remove(place.file)
        unset = configuration(site(basics))
        instead = {"trusted_issuers": unset, "root": config(basics.path("outside-root.pem"))}
        proxy.reload(instead.get(store, config()))
        assert judge(proxy, basics.alice, "/on-purpose") == released


def test_who_is_distrusted_no_longer_is_told(basics, tmp_path):
    place = Place(tmp_path / "disallowed", basics.alice.pem + basics.outsider.pem)
    with Proxy(configuration(site(basics, trust={"disallowed": [place.folder]}))) as proxy:
        place.write(basics.outsider.pem)
        proxy.reload()
        assert "has lost 1 certificates" in proxy.event(" config.warning ")
        assert judge(proxy, basics.alice, "/after") == ALLOWED


def test_an_emptied_map_file_refuses_the_reload(basics, tmp_path):
    """With anonymous access everybody who was mapped would come in as nobody."""
    place = Place(tmp_path / "map", f"{basics.alice.sha256} alice\n")
    sites = [site(basics, anonymous=True, mapping={"one_to_one_file": place.file},
                  accounts={"alice": {"state": "disabled"}})]
    disabled = (401, 1, 1331)
    with Proxy(configuration(*sites)) as proxy:
        assert judge(proxy, basics.alice, "/before") == disabled
        for name, content, text in (("emptied", "", "is empty"),
                                    ("nobody", "# nobody\n", "maps none now"),
                                    ("cut-off", basics.alice.sha256[:20], "expected 64")):
            place.write(content)
            start = proxy.marker()
            proxy.reload(event="reload.failed")
            line = proxy.event(" reload.error ", start=start)
            assert text in line and place.file in line
            assert judge(proxy, basics.alice, f"/{name}") == disabled
