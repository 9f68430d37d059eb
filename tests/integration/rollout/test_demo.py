# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo on a cluster and registry of a person's own: its wrong password is written nowhere, and a step that fails says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_access import Access
from demo.ground import DemoError, Ground
from demo.story import _show_wrong_password, _write_files
from registry_servers import Registry, basic, login
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]


def ground(c2: Access, folder: Path, registry: str, *, plain_http: bool) -> Ground:
    kubeconfig = c2.connection["kubeconfig"]
    return Ground(folder, str(kubeconfig), None, registry, "puller", "right", None, ca=None, plain_http=plain_http)


def test_a_wrong_password_is_never_written(
    c2: Access, tmp_path: Path, serve: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(Registry(basic(), lambda sent: sent == login("puller", "right")), tls=False)
    audit = c2.audit()
    blind, seen = (ground(c2, tmp_path, server.authority, plain_http=plain) for plain in (False, True))

    with pytest.raises(DemoError, match=r"did not say that the password is wrong(.|\n)*REGISTRY_PLAIN_HTTP=1"):
        _show_wrong_password(blind, *_write_files(blind))
    _show_wrong_password(seen, *_write_files(seen))

    assert "rejected" in capsys.readouterr().out
    assert [one for one in audit.writes() if "dryRun=All" not in one["requestURI"]] == []
