# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Where settings come from, which source beats which, and what they must be to make sense together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc import features
from dc.config import derive, flags, load
from dc.config.model import SETTINGS, Config
from dc.config.problems import ConfigError, Problems

REQUIRED: dict[str, object] = {
    "endpoint": "host",
    "cert": "/c/cert.pem",
    "key": "/c/key.pem",
    "thing-name": "t",
}
NOT_IN_BUILD: list[tuple[str, dict[str, object]]] = [
    ("tunneling", {"tunneling": {"enabled": True}}),
    ("device-defender", {"device-defender": {"enabled": True}}),
    ("pub-sub", {"samples": {"pub-sub": {"enabled": True}}}),
    ("sample-shadow", {"sample-shadow": {"enabled": True}}),
    ("config-shadow", {"config-shadow": {"enabled": True}}),
    ("sensor-publish", {"sensor-publish": {"sensors": [{"addr": "/x"}]}}),
    ("fleet-provisioning", {"fleet-provisioning": {"enabled": True}}),
]


class Loaded:
    """A configuration and what is wrong with it."""

    def __init__(self, config: Config, problems: Problems) -> None:
        self.config, self.warnings, self.errors = config, problems.warnings, problems.errors
        self.passed_over = problems.passed_over


class Home:
    """A home folder and system files in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.own = self.folder / ".aws-iot-device-client"
        self.own.mkdir(parents=True)
        self.main = self.own / "aws-iot-device-client.conf"
        self.system = [folder / "etc.conf", folder / "etc-hidden.conf"]
        self.environ = {"HOME": str(self.folder)}

    def write(self, path: Path, *documents: dict[str, object]) -> str:
        merged: dict[str, object] = {}
        for document in documents:
            merged |= document
        path.write_text(json.dumps(merged))
        return str(path)

    def load(self, *arguments: str, uid: int = 1000) -> Loaded:
        problems = Problems()
        return Loaded(load.load(flags.parse(arguments), self.environ, uid, problems), problems)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path)
    monkeypatch.setattr(load, "SYSTEM_FILES", tuple(str(path) for path in home.system))
    return home


def messages(loaded: Loaded) -> list[str]:
    return [error.message for error in loaded.errors]


def test_defaults_fill_what_is_not_given(home: Home) -> None:
    home.write(home.main, REQUIRED)
    loaded = home.load()
    config = loaded.config
    assert (loaded.errors, loaded.warnings) == ([], [])
    assert (config.endpoint, config.port, config.thing_name) == ("host", None, "t")
    assert (config.log_level, config.log_type, config.log_max_bytes, config.log_files) == (
        "INFO",
        "stdout",
        1 << 20,
        3,
    )
    assert (config.jobs_enabled, config.jobs_stop_grace, config.jobs_output_grace) == (True, 5, 5)
    assert (config.jobs_max_run_seconds, config.jobs_on_interrupted, config.jobs_max_attempts) == (
        0,
        "rerun",
        3,
    )
    assert (config.keep_alive, config.reconnect_min, config.reconnect_max) == (45, 1, 128)
    assert config.handler_directory == str(home.own / "jobs")
    assert (config.lock_dir, config.root_ca, config.config_file) == ("/run/lock", "", str(home.main))


def test_a_flag_beats_the_file_and_the_file_beats_the_default(home: Home) -> None:
    home.write(home.main, REQUIRED, {"logging": {"level": "INFO", "type": "file"}})
    loaded = home.load("--log-level", "ERROR")
    assert (loaded.config.log_level, loaded.config.log_type) == ("ERROR", "file")
    assert loaded.config.origins["logging.level"] == "flag --log-level"
    assert loaded.config.origins["logging.type"] == f"file {home.main}"
    assert loaded.config.origins["logging.file"] == "default"


def test_the_home_file_is_read_before_the_ones_in_etc(home: Home) -> None:
    for number, path in enumerate([*reversed(home.system), home.main]):
        home.write(path, REQUIRED, {"thing-name": f"t{number}"})
        assert home.load().config.thing_name == f"t{number}"


def test_a_named_file_is_the_only_one_read(home: Home, tmp_path: Path) -> None:
    home.write(home.main, REQUIRED, {"root-ca": "/from/home"})
    other = home.write(tmp_path / "other.conf", REQUIRED)
    loaded = home.load("--config-file", other)
    assert (loaded.config.root_ca, loaded.config.config_file) == ("", other)


def test_a_named_file_may_start_with_a_tilde(home: Home) -> None:
    home.write(home.folder / "my.conf", REQUIRED)
    assert home.load("--config-file", "~/my.conf").config.config_file == str(home.folder / "my.conf")


def test_a_named_file_that_is_missing_is_the_only_error(home: Home) -> None:
    home.write(home.main, REQUIRED)
    assert messages(home.load("--config-file", "/no/such.conf")) == ["/no/such.conf: no such file"]


def test_without_any_file_the_missing_settings_and_their_place_are_named(home: Home) -> None:
    (error,) = home.load("--endpoint", "h").errors
    assert error.message == "not set: cert, key, thing-name"
    assert str(home.main) in error.hint
    assert "--cert, --key, --thing-name" in error.hint


def test_flags_alone_are_enough(home: Home) -> None:
    loaded = home.load("--endpoint", "h:8883", "--cert", "/c", "--key=~/k", "--thing-name", "t")
    assert loaded.errors == []
    assert (loaded.config.port, loaded.config.key) == (8883, str(home.folder / "k"))


def test_a_mistake_in_the_file_is_not_drowned_by_missing_settings(home: Home) -> None:
    home.write(home.main, {"endpoint": 5})
    assert messages(home.load()) == [f"{home.main}: endpoint: found the number 5, wanted a string"]


def test_a_mistyped_key_of_a_needed_setting_is_told_beside_the_missing_one(home: Home) -> None:
    home.write(home.main, REQUIRED)
    home.main.write_text(home.main.read_text().replace("endpoint", "endpont"))
    loaded = home.load()
    assert messages(loaded) == ["not set: endpoint"]
    assert [fault.hint for fault in loaded.passed_over] == ["Did you mean endpoint?"]


def test_a_flag_switches_jobs_off_whatever_nonsense_the_file_holds_for_them(home: Home) -> None:
    home.write(home.main, REQUIRED, {"jobs": {"max-attempts": 0, "handler-directory": "$NO/x"}})
    assert len(home.load().errors) == 2
    loaded = home.load("--enable-jobs", "false")
    assert (loaded.errors, len(loaded.passed_over), loaded.config.jobs_max_attempts) == ([], 1, 3)


def test_a_careless_proxy_file_is_a_warning(home: Home) -> None:
    home.write(home.main, REQUIRED)
    home.write(home.own / "http-proxy.conf", {"http-proxy-port": 8080, "Http-Proxy-Host": "h", "x": 1})
    loaded = home.load()
    assert (loaded.errors, len(loaded.warnings)) == ([], 3)


@pytest.mark.parametrize(("value", "folder"), [("/my/dir/", "/my/dir"), ("", ""), ("$HOME/lock", "HOME/lock")])
def test_the_lock_folder_comes_from_the_environment(home: Home, value: str, folder: str) -> None:
    home.write(home.main, REQUIRED)
    home.environ["LOCK_FILE_PATH"] = value
    config = home.load().config
    assert config.lock_dir == folder.replace("HOME", str(home.folder))
    assert config.origins["LOCK_FILE_PATH"] == "env LOCK_FILE_PATH"


def test_roots_state_is_kept_in_var_lib_and_others_at_home(home: Home) -> None:
    home.write(home.main, REQUIRED)
    assert home.load(uid=0).config.state_dir == "/var/lib/aws-iot-device-client"
    assert home.load(uid=1000).config.state_dir == str(home.own)
    home.write(home.main, REQUIRED, {"jobs": {"state-directory": "/state"}})
    assert home.load(uid=0).config.state_dir == "/state"


def test_a_path_that_can_t_be_expanded_names_its_origin(home: Home) -> None:
    home.write(home.main, REQUIRED, {"root-ca": "$NO/ca.pem"})
    loaded = home.load("--jobs-handler-dir", "/$(x)")
    assert messages(loaded) == [
        f"{home.main}: root-ca: '$NO/ca.pem' uses NO, which the environment does not have",
        "--jobs-handler-dir: commands in a path are not run: '/$(x)'",
    ]


def test_a_uid_without_a_home_is_an_error_only_while_its_home_is_needed(home: Home, tmp_path: Path) -> None:
    path = home.write(tmp_path / "c.conf", REQUIRED)
    home.environ.clear()
    loaded = home.load("--config-file", path, uid=3_999_999_999)
    assert [error.hint for error in loaded.errors] == [
        "Set HOME, or give jobs.handler-directory a path that starts with /.",
        "Set HOME, or give jobs.state-directory a path that starts with /.",
    ]
    home.write(tmp_path / "c.conf", REQUIRED, {"jobs": {"handler-directory": "/h", "state-directory": "/s"}})
    assert home.load("--config-file", path, uid=3_999_999_999).errors == []
    loaded = home.load(
        "--config-file",
        home.write(tmp_path / "d.conf", REQUIRED),
        "--enable-jobs",
        "false",
        uid=3_999_999_999,
    )
    assert (loaded.errors, loaded.config.handler_directory) == ([], "")


@pytest.mark.parametrize(("feature", "document"), NOT_IN_BUILD, ids=[feature for feature, _ in NOT_IN_BUILD])
def test_a_feature_that_is_not_in_this_build_gets_one_line_and_no_error(
    home: Home, feature: str, document: dict[str, object]
) -> None:
    home.write(home.main, REQUIRED, document)
    loaded = home.load()
    assert loaded.errors == []
    (line,) = loaded.warnings
    assert line.startswith(f"{feature} is not in this build: ")
    assert str(home.main) in line
    assert "\n" not in line


def test_features_that_are_off_get_no_line(home: Home) -> None:
    sensors: dict[str, object] = {"sensor-publish": {"sensors": [{"enabled": False}]}}
    home.write(home.main, REQUIRED, {"tunneling": {"enabled": False}, "device-defender": {"interval": 5}}, sensors)
    assert home.load().warnings == []


def test_a_secure_element_is_an_error_since_there_is_no_key_without_it(home: Home) -> None:
    without_key = {name: value for name, value in REQUIRED.items() if name != "key"}
    home.write(home.main, without_key, {"secure-element": {"enabled": True, "secure-element-pin": "1234"}})
    (error,) = home.load().errors
    assert "secure elements are not in this build" in error.message
    assert str(home.main) in error.message


def test_jobs_asked_for_by_flag_in_a_build_without_them_is_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "FEATURES", ())
    home.write(home.main, REQUIRED)
    (error,) = home.load("--enable-jobs", "true").errors
    assert "made without the jobs feature" in error.message
    quiet = home.load("--enable-jobs", "false")
    assert (quiet.errors, quiet.warnings, quiet.config.jobs_enabled) == ([], [], False)


def test_jobs_in_the_file_of_a_build_without_them_is_a_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "FEATURES", ())
    home.write(home.main, REQUIRED, {"jobs": {"enabled": True}})
    loaded = home.load()
    assert (loaded.errors, loaded.config.jobs_enabled) == ([], False)
    assert loaded.warnings[0].startswith("jobs is not in this build")
    home.write(home.main, REQUIRED)
    assert home.load().warnings == []


def test_switching_jobs_off_is_told(home: Home) -> None:
    home.write(home.main, REQUIRED)
    assert home.load("--enable-jobs", "false").warnings == [
        "jobs are switched off (flag --enable-jobs): no job will be run"
    ]


def test_what_the_cpp_client_provisioned_is_used(home: Home) -> None:
    home.write(home.main, REQUIRED, {"fleet-provisioning": {"enabled": True}})
    runtime: dict[str, object] = {
        "cert": "/r/cert",
        "key": "~/r/key",
        "thing-name": "made",
        "device-config": {"a": 1},
    }
    home.write(home.own / "aws-iot-device-client-runtime.conf", {"runtime-config": runtime | {"completed-fp": True}})
    loaded = home.load()
    config = loaded.config
    assert (loaded.errors, loaded.warnings) == ([], [])
    assert (config.cert, config.key, config.thing_name) == ("/r/cert", str(home.folder / "r/key"), "made")
    assert config.origins["key"].endswith("aws-iot-device-client-runtime.conf")


@pytest.mark.parametrize("change", [{"completed-fp": False}, {"key": ""}])
def test_an_unfinished_provisioning_changes_nothing(home: Home, change: dict[str, object]) -> None:
    home.write(home.main, REQUIRED, {"fleet-provisioning": {"enabled": True}})
    runtime: dict[str, object] = {
        "completed-fp": True,
        "cert": "/r/cert",
        "key": "/r/key",
        "thing-name": "made",
    }
    home.write(home.own / "aws-iot-device-client-runtime.conf", {"runtime-config": runtime | change})
    loaded = home.load()
    assert (loaded.config.cert, loaded.config.thing_name) == ("/c/cert.pem", "t")
    assert "connecting with cert and key as they are" in loaded.warnings[0]


def test_an_enabled_proxy_file_gets_one_line(home: Home) -> None:
    home.write(home.main, REQUIRED)
    proxy: dict[str, object] = {
        "http-proxy-host": "10.0.0.1",
        "http-proxy-port": "9",
        "http-proxy-password": "s",
    }
    path = home.own / "http-proxy.conf"
    home.write(path, proxy, {"http-proxy-enabled": False})
    assert home.load().warnings == []
    home.write(path, proxy, {"http-proxy-enabled": True})
    assert home.load().warnings == [f"http-proxy is not in this build: {path} has no effect, connecting directly"]
    assert "no such file" in home.load("--http-proxy-config", "/no/proxy.conf").warnings[0]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("abc-ats.iot.us-west-2.amazonaws.com", "abc-ats.iot.us-west-2.amazonaws.com", None),
        ("localhost:8883", "localhost", 8883),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("::1", "::1", None),
        ("[::1]", "::1", None),
        ("[fe80::1%25]:443", "fe80::1%25", 443),
        ("[::1]:443", "::1", 443),
    ],
)
def test_an_endpoint_may_carry_a_port(text: str, host: str, port: int | None) -> None:
    assert derive.split_endpoint(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "https://host",
        "host/x",
        "host:",
        "host:0",
        "host:65536",
        "host:x",
        "a b",
        "[::1",
        "[]:1",
        "[::1]x",
        ":1",
        "hé",
    ],
)
def test_an_endpoint_that_is_no_host_is_refused_with_the_way_to_find_it(text: str) -> None:
    with pytest.raises(ConfigError, match="endpoint") as caught:
        derive.split_endpoint(text)
    assert "describe-endpoint" in caught.value.hint


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_endpoint_is_split_or_refused(text: str) -> None:
    try:
        host, port = derive.split_endpoint(text)
    except ConfigError:
        return
    assert host or not text
    assert port is None or 1 <= port <= 65535


@pytest.mark.parametrize("name", ["x" * 129, "a b", "arn:aws:iot:us-west-2:1:thing/x", "é"])
def test_a_thing_name_that_aws_could_not_have_is_refused(home: Home, name: str) -> None:
    home.write(home.main, REQUIRED, {"thing-name": name})
    assert messages(home.load())[0].startswith("thing-name: found ")


def test_reconnect_waits_must_be_in_order(home: Home) -> None:
    home.write(home.main, REQUIRED, {"mqtt": {"reconnect-min-seconds": 10, "reconnect-max-seconds": 5}})
    assert "more than mqtt.reconnect-max-seconds" in messages(home.load())[0]


@pytest.mark.parametrize(("seconds", "lines"), [(29, 1), (30, 0), (60, 0), (61, 1)])
def test_a_keep_alive_outside_30_to_60_is_allowed_with_advice(home: Home, seconds: int, lines: int) -> None:
    home.write(home.main, REQUIRED, {"mqtt": {"keep-alive-seconds": seconds}})
    loaded = home.load()
    assert (len(loaded.warnings), loaded.errors, loaded.config.keep_alive) == (lines, [], seconds)


def test_every_setting_has_a_value_and_an_origin(home: Home) -> None:
    config = home.load().config
    names = {setting.name for setting in SETTINGS}
    assert set(config.values) == set(config.origins) == names
