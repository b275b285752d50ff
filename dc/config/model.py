# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Every setting the agent knows, in one literal table, and the objects made from it.

The keys, flags and defaults are those of the C++ AWS IoT Device Client, so that its configuration files and
command lines work unchanged; rows that only this agent has are marked `own`. Reading, help,
`--export-default-settings`, `--check-config` and the tables of docs/configuration.md (`make docs`) come from here.

A new setting is a row, its attribute's annotation in Config, and `make docs`.
"""

from __future__ import annotations

from dc import features

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAM = "aws-iot-device-client"
CONFIG_NAME = "aws-iot-device-client.conf"

TEXT = "text"
PATH = "path"
BOOL = "bool"
INT = "int"
SECONDS = "seconds"
CHOICE = "choice"
LIST = "list"
ANY = "any"

LOG_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
SDK_LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
LOG_TYPES = ("stdout", "file")
ON_INTERRUPTED = ("rerun", "fail")
_DAY = 24 * 3600
_LOG_DIR = "/var/log/aws-iot-device-client/"


class Setting:
    """One row of the table.

    `name` is the key's path in the JSON file, dotted ("jobs.enabled"); a name that starts with "--" is a flag
    only, one in capitals an environment variable only. `attr` is the attribute of Config it fills, "" for
    none. `feature` names the feature it belongs to, "" for the base client. `own`: the C++ client does not know it.
    `low` and `high` bound numbers.
    """

    __slots__ = (
        "attr",
        "choices",
        "default",
        "feature",
        "flag",
        "help",
        "high",
        "kind",
        "low",
        "name",
        "own",
        "secret",
    )

    def __init__(
        self,
        name: str,
        flag: str,
        kind: str,
        default: object,
        help: str,
        *,
        attr: str = "",
        feature: str = "",
        own: bool = False,
        secret: bool = False,
        choices: tuple[str, ...] = (),
        low: int = 0,
        high: int = 0,
    ) -> None:
        self.name = name
        self.flag = flag
        self.kind = kind
        self.default = default
        self.help = help
        self.attr = attr
        self.feature = feature
        self.own = own
        self.secret = secret
        self.choices = choices
        self.low = low
        self.high = high

    @property
    def in_file(self) -> bool:
        """True when the JSON configuration file may hold it."""
        return self.name[0] != "-" and not self.in_environment

    @property
    def in_environment(self) -> bool:
        """True when it is an environment variable."""
        return self.name.isupper()

    @property
    def is_switch(self) -> bool:
        """True when its flag takes no value."""
        return self.flag in SWITCHES

    @property
    def available(self) -> bool:
        """False when it belongs to a feature that this build does not have."""
        return not self.feature or self.feature in features.FEATURES


# Flags without a value: --help, --version and --check-config, and two that the C++ client has so.
SWITCHES = (
    "--help",
    "--version",
    "--check-config",
    "--enable-sdk-logging",
    "--tunneling-disable-notification",
)

# What the command line can ask for besides settings.
ACTIONS = (
    Setting("--help", "--help", BOOL, False, "Print this help and exit; also -h."),
    Setting("--version", "--version", BOOL, False, "Print the version and how the program was built, and exit."),
    Setting("--config-file", "--config-file", PATH, "", "Read this configuration file instead of the default one."),
    Setting(
        "--export-default-settings",
        "--export-default-settings",
        PATH,
        "",
        "Write a configuration file with every key at its default, and exit.",
    ),
    Setting(
        "--check-config",
        "--check-config",
        BOOL,
        False,
        "Print every setting in force and where it came from, check files and modes, and exit with 0 or 1.",
    ),
)

# fmt: off
_SE = "secure-element"
_FP = "fleet-provisioning"

SETTINGS = (
    # The connection.
    Setting("endpoint", "--endpoint", TEXT, "", "AWS IoT data endpoint: HOST or HOST:PORT.", attr="endpoint"),
    Setting("cert", "--cert", PATH, "", "Device certificate (PEM); mode 644 or tighter.", attr="cert"),
    Setting("key", "--key", PATH, "", "Private key of the certificate (PEM); mode 600 or tighter.",
            attr="key"),
    Setting("root-ca", "--root-ca", PATH, "", "Root CA (PEM); unset: the system's store.", attr="root_ca"),
    Setting("thing-name", "--thing-name", TEXT, "", "Thing name, also the MQTT client id.",
            attr="thing_name"),
    Setting("mqtt.keep-alive-seconds", "", INT, 45, "MQTT keep-alive; 30 to 60 advised.",
            attr="keep_alive", low=5, high=1200, own=True),
    Setting("mqtt.reconnect-min-seconds", "", INT, 1, "Shortest wait before reconnecting.",
            attr="reconnect_min", low=1, high=3600, own=True),
    Setting("mqtt.reconnect-max-seconds", "", INT, 128, "Longest wait before reconnecting.",
            attr="reconnect_max", low=1, high=_DAY, own=True),
    # Logs.
    Setting("logging.level", "--log-level", CHOICE, "INFO", "Least severe line to log.",
            attr="log_level", choices=LOG_LEVELS),
    Setting("logging.type", "--log-type", CHOICE, "stdout", "Where log lines go.",
            attr="log_type", choices=LOG_TYPES),
    Setting("logging.file", "--log-file", PATH, _LOG_DIR + "aws-iot-device-client.log",
            "Log file when the type is file.", attr="log_file"),
    Setting("logging.max-file-size", "", INT, 1 << 20, "Size in bytes at which a log file is rotated.",
            attr="log_max_bytes", low=4096, high=1 << 31, own=True),
    Setting("logging.max-files", "", INT, 3, "Log files kept, the one in use included.",
            attr="log_files", low=1, high=100, own=True),
    Setting("logging.enable-sdk-logging", "--enable-sdk-logging", BOOL, False,
            "Also log the AWS runtime (awscrt).",
            attr="sdk_log_enabled"),
    Setting("logging.sdk-log-level", "--sdk-log-level", CHOICE, "TRACE", "Level of the runtime's log.",
            attr="sdk_log_level", choices=SDK_LOG_LEVELS),
    Setting("logging.sdk-log-file", "--sdk-log-file", PATH, _LOG_DIR + "sdk.log",
            "File of the runtime's log.",
            attr="sdk_log_file"),
    # Jobs.
    Setting("jobs.enabled", "--enable-jobs", BOOL, True, "Run the jobs that AWS IoT sends.",
            attr="jobs_enabled", feature="jobs"),
    Setting("jobs.handler-directory", "--jobs-handler-dir", PATH, "~/.aws-iot-device-client/jobs/",
            "Folder of the handlers that a job asks for with path default; mode 700.",
            attr="handler_directory", feature="jobs"),
    Setting("jobs.stop-grace-seconds", "", SECONDS, 5,
            "Time between SIGTERM and SIGKILL when a handler is stopped.",
            attr="jobs_stop_grace", feature="jobs", low=0, high=3600, own=True),
    Setting("jobs.output-grace-seconds", "", SECONDS, 5,
            "How long a handler's background process may keep its output open after the handler ended.",
            attr="jobs_output_grace", feature="jobs", low=0, high=3600, own=True),
    Setting("jobs.max-run-seconds", "", SECONDS, 0, "Longest run of one job; 0 is no limit.",
            attr="jobs_max_run_seconds", feature="jobs", low=0, high=7 * _DAY, own=True),
    Setting("jobs.on-interrupted", "", CHOICE, "rerun",
            "What becomes of a job that a restart interrupted: it is run again, or failed.",
            attr="jobs_on_interrupted", feature="jobs", choices=ON_INTERRUPTED, own=True),
    Setting("jobs.max-attempts", "", INT, 3, "Runs of one job, restarts included, before it is failed.",
            attr="jobs_max_attempts", feature="jobs", low=1, high=1000, own=True),
    Setting("jobs.step-timeout-minutes", "", INT, 0,
            "AWS IoT times out an execution that the agent has not updated for this long; 0 is never.",
            attr="jobs_step_timeout", feature="jobs", low=0, high=10080, own=True),
    Setting("jobs.pass-environment", "", LIST, (),
            "Names of variables that handlers get from the agent's environment, besides locale and proxies.",
            attr="jobs_pass_environment", feature="jobs", own=True),
    Setting("jobs.operation-passes-user", "", BOOL, False,
            "Pass an empty user as $1 in the operation schema too, for handlers written for the C++ client.",
            attr="jobs_operation_passes_user", feature="jobs", own=True),
    Setting("jobs.state-directory", "", PATH, "",
            "Folder of what must survive a restart; unset: /var/lib/aws-iot-device-client for root, "
            "~/.aws-iot-device-client for others.", attr="state_dir", feature="jobs", own=True),
    # The environment.
    Setting("LOCK_FILE_PATH", "", PATH, "/run/lock", "Folder of the C++ client's devicecl.lock, which is heeded and written; empty: no lock at all.",
            attr="lock_dir"),
    Setting("AWSIOT_TUNNEL_ACCESS_TOKEN", "", TEXT, "", "Token of a tunnel.", feature="tunneling",
            secret=True),
    # Features of the C++ client that its files and command lines may name.
    Setting("--http-proxy-config", "--http-proxy-config", PATH, "~/.aws-iot-device-client/http-proxy.conf",
            "File with the HTTP proxy's settings.", feature="http-proxy"),
    Setting("tunneling.enabled", "--enable-tunneling", BOOL, False, "Secure tunneling.", feature="tunneling"),
    Setting("tunneling.endpoint", "", TEXT, "", "Endpoint of the tunnel.", feature="tunneling"),
    Setting("--tunneling-region", "--tunneling-region", TEXT, "", "Region of the tunnel.",
            feature="tunneling"),
    Setting("--tunneling-service", "--tunneling-service", TEXT, "", "Service behind it.",
            feature="tunneling"),
    Setting("--tunneling-disable-notification", "--tunneling-disable-notification", BOOL, False,
            "Open one tunnel with a token from the environment.", feature="tunneling"),
    Setting("device-defender.enabled", "--enable-device-defender", BOOL, False, "Device Defender metrics.",
            feature="device-defender"),
    Setting("device-defender.interval", "--device-defender-interval", INT, 300,
            "Seconds between two reports.",
            feature="device-defender", low=1, high=1 << 31),
    Setting("fleet-provisioning.enabled", "--enable-fleet-provisioning", BOOL, False,
            "Get a certificate by claim.", feature=_FP),
    Setting("fleet-provisioning.template-name", "--fleet-provisioning-template-name", TEXT, "",
            "Provisioning template.", feature=_FP),
    Setting("fleet-provisioning.template-parameters", "--fleet-provisioning-template-parameters", TEXT, "",
            "Its parameters, JSON in a string.", feature=_FP, secret=True),
    Setting("fleet-provisioning.csr-file", "--csr-file", PATH, "", "Certificate request; mode 600.",
            feature=_FP),
    Setting("fleet-provisioning.device-key", "--device-key", PATH, "", "Key of the request.", feature=_FP),
    Setting("fleet-provisioning.collect-system-information", "--collect-system-information", BOOL, False,
            "Send facts about the system with the request.", feature=_FP),
    Setting("runtime-config.completed-fp", "", BOOL, False, "Written by fleet provisioning: it is done."),
    Setting("runtime-config.cert", "", PATH, "", "Written by fleet provisioning: used as cert."),
    Setting("runtime-config.key", "", PATH, "", "Written by fleet provisioning: used as key."),
    Setting("runtime-config.thing-name", "", TEXT, "", "Written by fleet provisioning: used as thing-name."),
    Setting("runtime-config.device-config", "", ANY, None, "Written by fleet provisioning: not used."),
    Setting("secure-element.enabled", "--enable-secure-element", BOOL, False,
            "Key in a secure element (PKCS#11).",
            feature=_SE),
    Setting("secure-element.pkcs11-lib", "--pkcs11-lib", PATH, "", "PKCS#11 library.", feature=_SE),
    Setting("secure-element.secure-element-pin", "--secure-element-pin", TEXT, "", "User PIN.",
            feature=_SE, secret=True),
    Setting("secure-element.secure-element-key-label", "--secure-element-key-label", TEXT, "",
            "Label of the key.",
            feature=_SE),
    Setting("secure-element.secure-element-slot-id", "--secure-element-slot-id", INT, None, "Slot.",
            feature=_SE, low=0, high=1 << 62),
    Setting("secure-element.secure-element-token-label", "--secure-element-token-label", TEXT, "", "Token.",
            feature=_SE),
    Setting("samples.pub-sub.enabled", "--enable-pub-sub", BOOL, False, "Publish and subscribe sample.",
            feature="pub-sub"),
    Setting("samples.pub-sub.publish-topic", "--publish-topic", TEXT, "", "Topic published to.",
            feature="pub-sub"),
    Setting("samples.pub-sub.publish-file", "--publish-file", PATH, "", "File published.", feature="pub-sub"),
    Setting("samples.pub-sub.subscribe-topic", "--subscribe-topic", TEXT, "", "Topic read.",
            feature="pub-sub"),
    Setting("samples.pub-sub.subscribe-file", "--subscribe-file", PATH, "", "File written.",
            feature="pub-sub"),
    Setting("samples.pub-sub.publish-on-change", "", BOOL, False, "Publish when it changes.",
            feature="pub-sub"),
    Setting("sample-shadow.enabled", "--enable-sample-shadow", BOOL, False, "Shadow sample.",
            feature="sample-shadow"),
    Setting("sample-shadow.shadow-name", "--shadow-name", TEXT, "", "Its name.", feature="sample-shadow"),
    Setting("sample-shadow.shadow-input-file", "--shadow-input-file", PATH, "", "File read.",
            feature="sample-shadow"),
    Setting("sample-shadow.shadow-output-file", "--shadow-output-file", PATH, "", "File written.",
            feature="sample-shadow"),
    Setting("config-shadow.enabled", "--enable-config-shadow", BOOL, False, "Configuration by shadow.",
            feature="config-shadow"),
    Setting("config-shadow.persistent-update", "", BOOL, False, "Keep it in the file.",
            feature="config-shadow"),
    Setting("sensor-publish.sensors", "", LIST, (), "Sensors to publish.", feature="sensor-publish"),
)

# The keys of the separate HTTP proxy file (mode 600).
PROXY_SETTINGS = (
    Setting("http-proxy-enabled", "", BOOL, False, "Connect through the proxy.", feature="http-proxy"),
    Setting("http-proxy-host", "", TEXT, "", "Address of the proxy.", feature="http-proxy"),
    Setting("http-proxy-port", "", TEXT, "", "Port of the proxy, a string.", feature="http-proxy"),
    Setting("http-proxy-auth-method", "", TEXT, "None", "UserNameAndPassword or None.", feature="http-proxy"),
    Setting("http-proxy-username", "", TEXT, "", "User.", feature="http-proxy"),
    Setting("http-proxy-password", "", TEXT, "", "Password.", feature="http-proxy", secret=True),
)

# fmt: on


def flag_rows() -> Iterator[Setting]:
    """Every row that the command line can name, actions first."""
    yield from ACTIONS
    for setting in SETTINGS:
        if setting.flag:
            yield setting


class Config:
    """The settings in force. Paths are absolute; "" is an unset text or path.

    `endpoint` is a host and `port` None when the endpoint has none; `root_ca` "" is the system's store;
    `log_max_bytes` is bytes; graces, waits and limits are seconds (`jobs_max_run_seconds` 0 = no limit);
    `lock_dir` "" = no lock. `config_file` is the file read, or "". `values` and `origins` hold every row
    of the table by name: the value before it was split or expanded, and where it came from
    ("default", "file PATH", "flag --NAME", "env NAME").
    """

    __slots__ = ("config_file", "origins", "port", "values", *(setting.attr for setting in SETTINGS if setting.attr))

    endpoint: str
    port: int | None
    cert: str
    key: str
    root_ca: str
    thing_name: str
    keep_alive: int
    reconnect_min: int
    reconnect_max: int
    log_level: str
    log_type: str
    log_file: str
    log_max_bytes: int
    log_files: int
    sdk_log_enabled: bool
    sdk_log_level: str
    sdk_log_file: str
    jobs_enabled: bool
    handler_directory: str
    jobs_stop_grace: float
    jobs_output_grace: float
    jobs_max_run_seconds: float
    jobs_on_interrupted: str
    jobs_max_attempts: int
    jobs_step_timeout: int
    jobs_pass_environment: Sequence[object]
    jobs_operation_passes_user: bool
    state_dir: str
    lock_dir: str
    config_file: str
    values: dict[str, object]
    origins: dict[str, str]

    def __init__(
        self, values: dict[str, object], origins: dict[str, str], attributes: Mapping[str, object] | None = None
    ) -> None:
        """`attributes` by name, as dc.config.derive makes them; without it each is its row's value as it stands."""
        self.values = values
        self.origins = origins
        self.config_file = ""
        self.port = None
        for setting in SETTINGS:
            if setting.attr:
                setattr(self, setting.attr, values[setting.name])
        for name, value in (attributes or {}).items():
            setattr(self, name, value)

    def is_set(self, name: str) -> bool:
        """True when file, flag or environment gave the setting `name`."""
        return self.origins[name] != "default"

    def adopt(self, fresh: Config, setting: Setting) -> None:
        """Take `setting` from `fresh`. SIGHUP is the only occasion: whoever holds this configuration sees the new value."""
        setattr(self, setting.attr, getattr(fresh, setting.attr))
        self.values[setting.name] = fresh.values[setting.name]
        self.origins[setting.name] = fresh.origins[setting.name]
