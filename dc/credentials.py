# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the device shows and trusts: certificate, private key and CA, read at start and again before they are tried anew.

What is read is compared, not dates or inodes: three small files are soon read, and nothing that changed is overlooked.
"""

from __future__ import annotations

import os

from dc import mqtt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.config.model import Config
    from dc.log import Log

    Texts = tuple[bytes, bytes, bytes]

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
        self._texts: Texts = self._read()  # in use
        self._latest = self._texts  # on disk, as far as it is usable
        self._proven: Texts | None = None  # what a connection was made with
        self._told: list[str] = []

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

    def worked(self) -> None:
        """A connection was made with them."""
        if self._texts != self._proven:
            self._told = []
        self._proven = self._latest = self._texts  # what is on disk, if that is something else, gets another chance

    def renew(self, log: Log) -> bool:
        """Take what is on disk now, if that is something else and usable; whether it is so. What is bad is told once."""
        try:
            texts = self._read()
        except Unusable as error:
            self._tell(log, f"{error}. Until then what was read before is used")
            return False
        if texts == self._latest:
            return False
        changed = self._changed(texts, self._latest)
        try:
            mqtt.make_tls(*texts, None)
        except Exception as error:
            self._tell(
                log,
                f"{changed} changed on disk, but can't be used: {error}. What was read before is used on; "
                "fix: put a PEM certificate and the key that belongs to it there, without a passphrase",
            )
            return False
        log.info("mqtt", f"{changed} changed on disk: connecting with what is there now")
        self._texts = self._latest = texts
        return True

    def fall_back(self, log: Log) -> bool:
        """After a failure: whether what worked before is to be tried, by turns with what is new and has not worked."""
        if self._proven is None or self._proven == self._latest:
            return False
        changed = self._changed(self._latest, self._proven)
        self._tell(log, f"no connection with what is new in {changed}: what worked before is tried by turns")
        self._texts = self._proven if self._texts == self._latest else self._latest
        return True

    def _read(self) -> Texts:
        config = self._config
        ca = config.root_ca or _system_bundle()
        return _read(config.cert, "cert"), _read(config.key, "key"), _read(ca, "root-ca")

    def _changed(self, texts: Texts, before: Texts) -> str:
        config = self._config
        named = (("cert", config.cert), ("key", config.key), ("root-ca", config.root_ca or "of the system"))
        pairs = zip(named, texts, before, strict=True)
        return " and ".join(f'"{what}" {path}' for (what, path), new, old in pairs if new != old)

    def _tell(self, log: Log, text: str) -> None:
        if text not in self._told:
            self._told = [*self._told[-7:], text]
            log.warn("mqtt", text)


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
