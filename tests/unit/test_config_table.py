# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The table of settings: complete, consistent, and the same in the exported file and the documentation."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import dc
from dc.config import file, show
from dc.config.model import ACTIONS, PROXY_SETTINGS, SETTINGS, SWITCHES, Config, Setting
from dc.config.problems import Problems
from docs import configuration

IN_FILE = [setting for setting in SETTINGS if setting.in_file]
PACKAGE = Path(dc.__file__).parent
TYPES = {
    "text": "str",
    "path": "str",
    "choice": "str",
    "bool": "bool",
    "int": "int",
    "seconds": "float",
    "list": "Sequence[object]",
}

# The C++ client's flags, from its own table of command line arguments (and --collect-system-information, which it
# documents and refuses).
CPP_FLAGS = """
--help --version --export-default-settings --config-file --endpoint --cert --key --root-ca --thing-name --log-level
--log-type --log-file --enable-sdk-logging --sdk-log-level --sdk-log-file --enable-jobs --jobs-handler-dir
--enable-tunneling --tunneling-region --tunneling-service --tunneling-disable-notification
--enable-device-defender --device-defender-interval --enable-fleet-provisioning --fleet-provisioning-template-name
--fleet-provisioning-template-parameters --csr-file --device-key --collect-system-information --enable-pub-sub
--publish-topic --publish-file --subscribe-topic --subscribe-file --enable-sample-shadow --shadow-name
--shadow-input-file --shadow-output-file --enable-config-shadow --enable-secure-element --pkcs11-lib
--secure-element-pin --secure-element-key-label --secure-element-slot-id --secure-element-token-label
--http-proxy-config
"""

# A file as the C++ client's setup script writes it, everything answered.
CPP_FILE = {
    "endpoint": "abc-ats.iot.us-west-2.amazonaws.com",
    "cert": "/c/cert.pem",
    "key": "/c/key.pem",
    "root-ca": "/c/ca.pem",
    "thing-name": "my-thing",
    "logging": {
        "level": "DEBUG",
        "type": "STDOUT",
        "file": "/var/log/aws-iot-device-client/aws-iot-device-client.log",
        "enable-sdk-logging": False,
        "sdk-log-level": "TRACE",
        "sdk-log-file": "/var/log/aws-iot-device-client/sdk.log",
    },
    "jobs": {"enabled": True, "handler-directory": "/home/pi/.aws-iot-device-client/jobs"},
    "tunneling": {"enabled": True},
    "device-defender": {"enabled": True, "interval": 300},
    "fleet-provisioning": {
        "enabled": False,
        "template-name": "",
        "template-parameters": "",
        "csr-file": "",
        "device-key": "",
    },
    "samples": {
        "pub-sub": {
            "enabled": False,
            "publish-topic": "",
            "publish-file": "/home/pi/.aws-iot-device-client/pubsub/publish-file.txt",
            "subscribe-topic": "",
            "subscribe-file": "/home/pi/.aws-iot-device-client/pubsub/subscribe-file.txt",
        }
    },
    "config-shadow": {"enabled": False},
    "sample-shadow": {
        "enabled": False,
        "shadow-name": "",
        "shadow-input-file": "",
        "shadow-output-file": "",
    },
}


def test_every_flag_of_the_cpp_client_is_known() -> None:
    assert set(CPP_FLAGS.split()) <= {setting.flag for setting in (*ACTIONS, *SETTINGS)}


def test_a_file_written_by_the_cpp_clients_setup_script_is_read_without_a_complaint(tmp_path: Path) -> None:
    path = tmp_path / "c.conf"
    path.write_text(json.dumps(CPP_FILE))
    problems = Problems()
    values = file.read(str(path), SETTINGS, problems)
    assert problems.errors == []
    assert values["device-defender.interval"] == 300
    assert values["logging.type"] == "stdout"
    assert "fleet-provisioning.template-name" not in values


@pytest.mark.parametrize("settings", [SETTINGS, PROXY_SETTINGS, ACTIONS], ids=["settings", "proxy", "actions"])
def test_names_and_flags_are_unique(settings: tuple[Setting, ...]) -> None:
    names = [setting.name for setting in settings]
    flags = [setting.flag for setting in settings if setting.flag]
    assert len(set(names)) == len(names)
    assert len(set(flags)) == len(flags)


def test_no_key_is_also_a_section() -> None:
    names = [setting.name for setting in IN_FILE]
    assert not [(one, other) for one in names for other in names if other.startswith(one + ".")]


def test_every_switch_is_a_flag_of_a_boolean_row() -> None:
    rows = {setting.flag: setting for setting in (*ACTIONS, *SETTINGS)}
    assert {rows[flag].kind for flag in SWITCHES} == {"bool"}


def test_every_attribute_of_the_configuration_comes_from_exactly_one_row() -> None:
    from_rows = [setting.attr for setting in SETTINGS if setting.attr]
    made = {"port", "config_file", "values", "origins"}
    assert sorted([*from_rows, *made]) == sorted(Config.__slots__)
    assert set(Config.__annotations__) == set(Config.__slots__)


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.attr], ids=lambda setting: setting.name)
def test_an_attribute_has_the_type_of_its_row(setting: Setting) -> None:
    assert Config.__annotations__[setting.attr] == TYPES[setting.kind]


def test_a_configuration_is_not_changed_once_it_is_made() -> None:
    """Values are derived before, in one place; what reads the configuration repairs nothing."""
    changes = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                owner = ast.unparse(node.value)
                if owner.rpartition(".")[2] in ("config", "_config"):
                    changes.append(f"{path.name}:{node.lineno}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr" and path.name != "model.py":
                changes.append(f"{path.name}:{node.lineno}")
    assert changes == []


def test_secrets_are_marked() -> None:
    secret = {setting.name for setting in (*SETTINGS, *PROXY_SETTINGS) if setting.secret}
    assert secret == {
        "AWSIOT_TUNNEL_ACCESS_TOKEN",
        "fleet-provisioning.template-parameters",
        "secure-element.secure-element-pin",
        "http-proxy-password",
    }


@pytest.mark.parametrize("setting", IN_FILE, ids=lambda setting: setting.name)
def test_the_exported_default_is_read_back_as_the_same_value(setting: Setting, tmp_path: Path) -> None:
    document = json.loads(show.default_settings())
    exported = document
    for part in setting.name.split("."):
        exported = exported[part]
    path = tmp_path / "exported.conf"
    path.write_bytes(show.default_settings())
    problems = Problems()
    values = file.read(str(path), SETTINGS, problems)
    assert problems.errors == []
    unset = setting.default in ("", None)
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    assert exported == default
    assert values.get(setting.name, "absent") == ("absent" if unset else default)


@pytest.mark.parametrize("setting", [*SETTINGS, *ACTIONS, *PROXY_SETTINGS], ids=lambda setting: setting.name)
def test_every_row_is_in_the_documentation(setting: Setting) -> None:
    """Name, flag, meaning and default, in one line of a table."""
    first = setting.name.join("``")
    page = configuration.TARGET.read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| {first} |"))
    cells = [cell.strip() for cell in row.split("|")]
    assert not setting.flag or setting.flag.join("``") in cells
    assert setting.help in cells
    if setting not in ACTIONS and setting.default not in ("", None, ()):
        assert show.shown(setting.default).join("``") in cells


def test_the_tables_of_the_documentation_are_not_stale() -> None:
    page = configuration.TARGET.read_text(encoding="utf-8")
    assert page == configuration.render(page), f"run: {configuration.COMMAND}"


def test_every_table_is_in_the_documentation_once() -> None:
    page = configuration.TARGET.read_text(encoding="utf-8")
    assert {name: page.count(configuration.table(name)) for name in configuration.TABLES} == dict.fromkeys(
        configuration.TABLES, 1
    )


def test_the_documentation_says_which_keys_the_cpp_client_does_not_have() -> None:
    rows = configuration.table("settings").splitlines()
    assert any("`jobs.max-attempts`" in row and "| no |" in row for row in rows)
    assert any("`jobs.enabled`" in row and "| yes |" in row for row in rows)
    assert not any(setting.own for setting in SETTINGS if setting.flag or not setting.available)
