"""What a cluster on this machine can be reached by: nothing from outside."""

from __future__ import annotations

import urllib.request

import psutil
import pytest

from landscape_dist.distribute.clusters.connecting import connect


def test_everything_listens_on_the_loopback_interface_only():
    pytest.importorskip("bokeh")
    me = psutil.Process()
    before = {c.laddr for c in me.net_connections("tcp")}
    with connect(workers=1) as client:
        link = client.dashboard_link
        assert link.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(link, timeout=20) as page:
            assert page.status == 200
        listening = [
            c.laddr
            for process in (me, *me.children(recursive=True))
            for c in process.net_connections("tcp")
            if c.status == psutil.CONN_LISTEN and c.laddr not in before
        ]
    assert len(listening) >= 4  # scheduler and its dashboard, nanny, worker and its pages
    assert {address.ip for address in listening} == {"127.0.0.1"}
