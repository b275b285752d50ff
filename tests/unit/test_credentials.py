# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Certificate, key and CA: what is read, and what is said when one can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from dc import credentials, mqtt
from dc.config.model import Config
from dc.credentials import Credentials, Unusable
from tests.fakes.clock import defaults


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("cert", "key", "root_ca"):
        (tmp_path / name).write_text(name)
    return defaults(**{name: str(tmp_path / name) for name in ("cert", "key", "root_ca")})


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the TLS context is made of."""
    seen: list[tuple[object, ...]] = []

    def make_tls(*arguments: object) -> mqtt.Bound:
        seen.append(arguments)
        return mqtt.Bound()

    monkeypatch.setattr(mqtt, "make_tls", make_tls)
    return seen


def test_the_files_are_read_once_and_used_for_every_context(config: Config, given: list[tuple[object, ...]]) -> None:
    made = Credentials(config)
    Path(config.key).unlink()
    made.tls(None)
    made.tls("x-amzn-mqtt-ca")
    assert given == [(b"cert", b"key", b"root_ca", None), (b"cert", b"key", b"root_ca", "x-amzn-mqtt-ca")]


@pytest.mark.parametrize(("attribute", "name"), [("cert", "cert"), ("key", "key"), ("root_ca", "root-ca")])
def test_a_file_that_can_not_be_read_is_named_with_its_setting(config: Config, attribute: str, name: str) -> None:
    path = Path(getattr(config, attribute))
    path.unlink()
    with pytest.raises(Unusable) as caught:
        Credentials(config)
    assert str(caught.value).startswith(f'"{name}" {path} can\'t be read: No such file or directory; make it readable')


def test_without_a_root_ca_the_systems_bundle_is_taken(
    config: Config, given: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("bundle")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(credentials, "SYSTEM_BUNDLES", ("/no/such/bundle", str(bundle)))
    config.root_ca = ""
    Credentials(config).tls(None)
    assert given[0][2] == b"bundle"


def test_a_bundle_named_by_the_environment_comes_first(
    config: Config, given: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.crt").write_text("mine")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "mine.crt"))
    monkeypatch.setattr(credentials, "SYSTEM_BUNDLES", (config.cert,))
    config.root_ca = ""
    Credentials(config).tls(None)
    assert given[0][2] == b"mine"


def test_a_system_without_any_bundle_asks_for_the_root_ca(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(credentials, "SYSTEM_BUNDLES", ("/no/such/bundle",))
    config.root_ca = ""
    with pytest.raises(Unusable, match='name it in "root-ca"'):
        Credentials(config)


def test_texts_that_are_no_pem_name_all_three_settings(config: Config) -> None:
    with pytest.raises(Unusable) as caught:
        Credentials(config).tls(None)
    for path in (config.cert, config.key, config.root_ca):
        assert path in str(caught.value)
