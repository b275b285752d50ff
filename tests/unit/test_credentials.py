# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Certificate, key and CA: what is read, and what is said when one can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from dc import credentials, mqtt
from dc.config.model import Config
from dc.credentials import Credentials, Unusable
from tests.fakes.clock import KeptLog, defaults


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


def test_what_was_read_is_used_for_every_context(config: Config, given: list[tuple[object, ...]]) -> None:
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


# --- read anew


def rewrite(config: Config, **texts: str) -> None:
    for attribute, text in texts.items():
        Path(getattr(config, attribute)).write_text(text)


def in_use(made: Credentials, given: list[tuple[object, ...]]) -> object:
    """The certificate that the next connection would show."""
    made.tls(None)
    return given[-1][0]


def test_files_that_are_as_they_were_are_not_taken_for_new(config: Config, given: list[tuple[object, ...]]) -> None:
    made, log = Credentials(config), KeptLog()
    rewrite(config, cert="cert")
    assert not made.renew(log) and log.lines == []


@pytest.mark.parametrize("attribute", ["cert", "key", "root_ca"])
def test_any_of_the_three_that_changed_is_taken(
    config: Config, given: list[tuple[object, ...]], attribute: str
) -> None:
    made, log = Credentials(config), KeptLog()
    rewrite(config, **{attribute: "new"})
    assert made.renew(log) and not made.renew(log)
    made.tls(None)
    assert b"new" in given[-1]
    assert [level for level, text in log.lines if getattr(config, attribute) in text] == ["INFO"]


def test_what_can_not_be_used_is_told_once_and_the_old_stays(
    config: Config, given: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, log = Credentials(config), KeptLog()
    made.worked()
    rewrite(config, key="half a k")

    def refusing(*arguments: object) -> mqtt.Bound:
        raise RuntimeError("no PEM")

    with monkeypatch.context() as patched:
        patched.setattr(mqtt, "make_tls", refusing)
        assert not made.renew(log) and not made.renew(log)
    ((level, text),) = log.lines
    assert level == "WARN" and text.startswith(f'"key" {config.key} changed on disk, but can\'t be used: no PEM')
    made.tls(None)
    assert given[-1][1] == b"key"
    rewrite(config, key="a whole key")
    assert made.renew(log)


def test_a_file_that_is_gone_for_a_while_is_told_once_and_the_old_stays(
    config: Config, given: list[tuple[object, ...]]
) -> None:
    made, log = Credentials(config), KeptLog()
    Path(config.cert).unlink()
    assert not made.renew(log) and not made.renew(log)
    ((level, text),) = log.lines
    assert level == "WARN" and config.cert in text
    assert in_use(made, given) == b"cert"


def test_a_new_pair_that_does_not_connect_takes_turns_with_the_one_that_did(
    config: Config, given: list[tuple[object, ...]]
) -> None:
    made, log = Credentials(config), KeptLog()
    assert not made.fall_back(log), "there is nothing else"
    made.worked()
    rewrite(config, cert="new")
    assert made.renew(log) and in_use(made, given) == b"new"
    turns = []
    for _ in range(4):
        assert made.fall_back(log) and not made.renew(log)
        turns.append(in_use(made, given))
    assert turns == [b"cert", b"new", b"cert", b"new"]
    assert [level for level, _ in log.lines] == ["INFO", "WARN"]
    made.worked()
    assert not made.fall_back(log), "the new one works: the old one is forgotten"


def test_what_is_newer_still_replaces_what_was_new_and_never_worked(
    config: Config, given: list[tuple[object, ...]]
) -> None:
    made, log = Credentials(config), KeptLog()
    made.worked()
    for text in ("new", "newer"):
        rewrite(config, cert=text)
        assert made.renew(log)
        assert made.fall_back(log) and in_use(made, given) == b"cert"
    assert made.fall_back(log) and in_use(made, given) == b"newer"


def test_what_is_on_disk_gets_another_chance_after_the_old_one_worked_again(
    config: Config, given: list[tuple[object, ...]]
) -> None:
    """It may have been activated meanwhile."""
    made, log = Credentials(config), KeptLog()
    made.worked()
    rewrite(config, cert="new")
    assert made.renew(log) and made.fall_back(log)
    made.worked()
    assert not made.fall_back(log)
    assert made.renew(log) and in_use(made, given) == b"new"


def test_two_faults_by_turns_are_told_once_each(config: Config, given: list[tuple[object, ...]]) -> None:
    made, log = Credentials(config), KeptLog()
    made.worked()
    rewrite(config, cert="refused")
    assert made.renew(log)
    Path(config.key).unlink()
    for _ in range(5):
        assert not made.renew(log) and made.fall_back(log)
    assert [level for level, _ in log.lines] == ["INFO", "WARN", "WARN"]
