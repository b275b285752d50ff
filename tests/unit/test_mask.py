# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is masked of a text before it is logged or reported, and what is left alone."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.core import details
from dc.jobs.core.tail import Tail
from dc.mask import masked
from tests.fakes.examples import examples

SECRET = "hunter2"
SHOWN = [
    ("GET /x?X-Amz-Signature=hunter2&x=1 HTTP/1.1", "GET /x?X-Amz-Signature=***&x=1 HTTP/1.1"),
    ("X-Amz-Credential%3Dhunter2%26x%3D1 end", "X-Amz-Credential%3D***%26x%3D1 end"),
    ("https%3A%2F%2Fbucket%2Fkey%3Fx%3Dhunter2 end", "https%3A%2F%2Fbucket%2Fkey%3F*** end"),
    ("to=https%253A%252F%252Fb%252Fk%253Fx%253Dhunter2", "to=https%253A%252F%252Fb%252Fk%253F***"),
    ("https%3a%2f%2fuser%3ahunter2%40host%2fpath", "https%3a%2f%2f***%40host%2fpath"),
    ("mysql://root:hunter2@db/t", "mysql://***@db/t"),
    ("password=hunter2 user=x", "password=*** user=x"),
    ("PASSWD: hunter2", "PASSWD: ***"),
    ('{"db.password": "hunter2 hunter2", "user": "x"}', '{"db.password": "***", "user": "x"}'),
    ('{"password": "a\\"hunter2", "user": "x"}', '{"password": "***", "user": "x"}'),
    ("AWS_SECRET_ACCESS_KEY=hunter2\nAWS_REGION=x", "AWS_SECRET_ACCESS_KEY=***\nAWS_REGION=x"),
    ("AWS_SESSION_TOKEN='hunter2 hunter2' x", "AWS_SESSION_TOKEN='***' x"),
    ("api_key=hunter2&apikey=hunter2&n=1", "api_key=***&apikey=***&n=1"),
    ("x --token hunter2 --user x", "x --token *** --user x"),
    ("Authorization: Bearer hunter2", "Authorization: ***"),
    ("> authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=hunter2\nnext", "> authorization: ***\nnext"),
    ('{"Authorization": "Basic hunter2", "x": 1}', '{"Authorization": "***", "x": 1}'),
    ("sent Bearer hunter2 to it", "sent Bearer *** to it"),
    ("Set-Cookie: id=hunter2; Secure", "Set-Cookie: ***"),
    ("\u0130 password=hunter2 x", "\u0130 password=*** x"),
]
LEFT_ALONE = [
    "https://h/p is fine? yes",
    "the token has expired, and no password was asked for",
    "the cloud refuses the credentials; check that the certificate is active",
    'step "one" runs as process 12: /bin/true',
    "a private key: /etc/key.pem",
    "password=",
    "Cannot start /opt/jobs/rotate-token: not found",
    'handler "new-token.sh": No such file or directory',
    "100% of 3 % done, 5%3",
    "",
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_a_secret_is_masked_by_the_name_before_it(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_a_text_without_a_secret_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


@examples(500)
@given(
    st.sampled_from(("X-Amz-Signature", "token", "Db_Password", "secretKey", "api-key", "X-AMZ-SECURITY-TOKEN")),
    st.text("abcXYZ019-_", min_size=8, max_size=20),
    st.text(st.characters() | st.sampled_from(":/?#= \"'\\%"), max_size=30),
    st.integers(0, 2),
)
def test_no_secret_survives_however_often_it_is_encoded(name: str, secret: str, after: str, encoded: int) -> None:
    pair = f"{name}=!{secret}"
    for _ in range(encoded):
        pair = quote(pair)
    text = f"GET /x?{pair} {after}"
    assert f"!{secret}" not in masked(text).replace("%21", "!").replace("%2521", "!")
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    "piece", ["token", "token=", "://", "bearer ", "-token ", "x-amz-\\", "%3a%2f%2f?", 'cookie:"']
)
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    before = time.process_time()
    masked(piece * 4000)
    assert time.process_time() - before < 1.0


def test_what_goes_to_the_cloud_is_masked_before_it_is_cut() -> None:
    """Else the name may be cut off, and its value stay."""
    tail = Tail()
    tail.feed(b"password=" + SECRET.encode() * 300 + b"\nend\n")
    assert details.output(tail) == "password=***\nend\n"
    made = details.pairs("Cannot fetch /x?token=" + SECRET * 300, extra={"output": "api_key=" + SECRET})
    assert made == {"reason": "Cannot fetch /x?token=***", "output": "api_key=***"}
