# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The sample job handler download-file.sh, against a real HTTP server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.fakes.handler_box import OTHER_USER, HandlerBox

BODY = bytes(range(256)) * 1000
PRESIGNED = "/bucket/app%20one%2Btwo.bin?X-Amz-Credential=AK%2F20%2Fs3&X-Amz-Signature=a%3D%3D&x=[1-3]&y=a+b"


class Server(ThreadingHTTPServer):
    """Serves BODY for every path but /missing; /cut breaks off in the middle. `asked`: the paths, as sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        if self.path.startswith("/missing"):
            self.send_error(403)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[: 1000 if self.path.startswith("/cut") else None])

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the record is `asked`."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(params=["dash, curl", "dash, GNU wget", "dash, BusyBox wget", "busybox, curl", "busybox, wget applet"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> HandlerBox:
    shell, _, fetcher = request.param.partition(", ")
    made = HandlerBox(tmp_path, shell)
    if fetcher == "curl":
        made.link("curl")
    elif shell == "busybox":
        made.applets.add("wget")
    else:
        made.link("wget", "busybox" if "BusyBox" in fetcher else "wget")
    return made


def test_a_presigned_url_reaches_the_server_byte_for_byte(box: HandlerBox, server: Server) -> None:
    target = box.root / "out.bin"
    box.succeed("download-file.sh", "", server.url(PRESIGNED), str(target))
    assert server.asked == [PRESIGNED]
    assert target.read_bytes() == BODY
    assert not (box.root / "out.bin.part").exists()


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_folder_gets_a_file_named_by_the_path_of_the_url(box: HandlerBox, server: Server, slash: str) -> None:
    folder = box.root / "a folder"
    folder.mkdir()
    box.succeed("download-file.sh", "", server.url(PRESIGNED), str(folder) + slash)
    assert [path.name for path in folder.iterdir()] == ["app%20one%2Btwo.bin"]
    assert server.asked == [PRESIGNED]


def test_a_target_with_blanks_quotes_and_a_leading_dash_is_one_file(box: HandlerBox, server: Server) -> None:
    box.succeed("download-file.sh", "", server.url("/x"), "-O a'b $(reboot) c")
    assert (box.root / "-O a'b $(reboot) c").read_bytes() == BODY


@pytest.mark.parametrize("path", ["/missing?secret=1", "/cut?secret=1"])
def test_a_failed_download_leaves_the_old_file_whole_and_tells_no_query(
    box: HandlerBox, server: Server, path: str
) -> None:
    target = box.root / "out.bin"
    target.write_text("old")
    (box.root / ".wgetrc").write_text("tries = 1\n")  # GNU wget goes on trying by itself for minutes
    done = box.run("download-file.sh", "", server.url(path), str(target))
    assert done.returncode == 1 and "could not fetch" in done.stderr, done
    assert "secret" not in done.stderr
    assert target.read_text() == "old"
    assert not (box.root / "out.bin.part").exists()


def test_a_replaced_file_keeps_its_mode(box: HandlerBox, server: Server) -> None:
    target = box.root / "handler.sh"
    target.write_text("a longer text than nothing")
    target.chmod(0o700)
    box.succeed("download-file.sh", "", server.url("/x"), str(target))
    assert target.read_bytes() == BODY
    assert target.stat().st_mode & 0o777 == 0o700


def test_a_link_is_written_through_and_stays_a_link(box: HandlerBox, server: Server) -> None:
    real, link = box.root / "real", box.root / "link"
    real.write_text("old")
    link.symlink_to(real)
    box.succeed("download-file.sh", "", server.url("/x"), str(link))
    assert link.is_symlink() and real.read_bytes() == BODY


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "found 0"),
        (["http://127.0.0.1/x"], "found 1"),
        (["http://127.0.0.1/x", "a", "b"], "found 3"),
        (["http://127.0.0.1/x", ""], "TARGET is empty"),
        (["file:///etc/passwd", "x"], "starts with none of"),
        (["--help", "x"], "starts with none of"),
        (["http://127.0.0.1", "."], "ends in no file name"),
        (["http://127.0.0.1/a/", "."], "ends in no file name"),
        (["http://127.0.0.1/a/..?x", "."], "ends in no file name"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_fetched(box: HandlerBox, args: list[str], said: str) -> None:
    assert said in box.refuse("download-file.sh", "", *args, code=2)
    assert not (box.root / "x").exists()


def test_the_fetcher_runs_as_the_user_that_was_named(tmp_path: Path) -> None:
    box = HandlerBox(tmp_path, "dash")
    box.fake("sudo", 'shift 4; exec "$@"')
    box.fake("curl", f'for last; do :; done; echo "$last" >"{tmp_path}/out.part"')
    url = "http://127.0.0.1/a?b=%2F&c"
    box.succeed("download-file.sh", OTHER_USER, url, str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == url + "\n"
    assert {tuple(call[:5]) for call in box.calls("sudo")} == {("sudo", "-n", "-u", OTHER_USER, "--")}
    assert [call[5] for call in box.calls("sudo")] == ["rm", "curl", "mv"]


def test_with_neither_curl_nor_wget_the_message_says_so(tmp_path: Path) -> None:
    box = HandlerBox(tmp_path, "dash")
    assert "neither curl nor wget" in box.refuse("download-file.sh", "", "http://127.0.0.1/x", "x")
