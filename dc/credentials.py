# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the device shows and trusts: certificate, private key and CA, read once at start."""

from __future__ import annotations

import os

from dc import mqtt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.config.model import Config

# Where distributions keep their CA bundle; the first that exists is taken when no root-ca is configured.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Unusable(Exception):
    """The credentials can't be used; trying again would not help."""


class Credentials:
    """The PEM texts that `config` names. Raises `Unusable` when one can't be read."""

    def __init__(self, config: Config) -> None:
        self._config = config
        ca = config.root_ca or _system_bundle()
        self._texts = (_read(config.cert, "cert"), _read(config.key, "key"), _read(ca, "root-ca"))

    def tls(self, alpn: str | None) -> mqtt.Bound:
        """A context for mutual TLS. Raises `Unusable`, e.g. for a key that does not belong to its certificate."""
        config = self._config
        try:
            return mqtt.make_tls(*self._texts, alpn)
        except Exception as error:
            raise Unusable(
                f'TLS can\'t be set up with "cert" {config.cert}, "key" {config.key} and "root-ca" '
                f"{config.root_ca or 'of the system'}: {error}. All three must be PEM; the key must belong to the "
                "certificate and have no passphrase"
            ) from None


def _system_bundle() -> str:
    for path in (os.environ.get("SSL_CERT_FILE", ""), *SYSTEM_BUNDLES):
        if path and os.path.isfile(path):
            return path
    raise Unusable(
        'no "root-ca" is configured and this system has no CA bundle in any of the usual places '
        f'({", ".join(SYSTEM_BUNDLES)}); put the Amazon Root CA file on the device and name it in "root-ca"'
    )


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError as error:
        raise Unusable(
            f"\"{what}\" {path} can't be read: {error.strerror}; make it readable for the agent's user"
        ) from None
