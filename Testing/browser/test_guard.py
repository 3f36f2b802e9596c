"""Who may not come in: every intruder is refused, at pages, files and the websocket alike."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from served_studies import Served
from SynthPerfLib import cli
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.browser.keyring import COOKIE_SECONDS, LINK_SECONDS, Keyring, Refused
from SynthPerfReaderStudyLib.browser.server import Address
from SynthPerfReaderStudyLib.people import Person, people_of
from SynthPerfReaderStudyLib.records import Role
from SynthPerfReaderStudyLib.study import Study
from tiny_studies import tiny_study
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

R1, R2 = Person("R1", Role.READER), Person("R2", Role.READER)
Cookies = dict[str, str]


@pytest.fixture(scope="module")
def study(tiny_patients: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return tiny_study("wu2025_diagnosis", tiny_patients, tmp_path_factory.mktemp("guard") / "study")


@pytest.fixture(scope="module")
def served(study: Study) -> Iterator[Served]:
    found = Served(study.folder)
    yield found
    found.kill()


@pytest.fixture(scope="module")
def cookies(served: Served) -> dict[str, Cookies]:
    """Everyone's cookie."""
    found = {}
    for name, link in served.links.items():
        answer = httpx.get(link)
        given = answer.headers["set-cookie"]
        assert answer.status_code == 200
        assert all(word in given for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        found[name] = dict(answer.cookies)
    return found


def page_id(served: Served, cookies: Cookies) -> str:
    """The id of a new page of someone."""
    text = httpx.get(served.address, cookies=cookies).text
    found = re.search(r"client_id\W+([0-9a-f-]{36})", text)
    assert found is not None
    return found[1]


def websocket(served: Served, cookies: Cookies, origin: str | None, page: str, **headers: str) -> int:
    """The answer to the attempt to open a page's websocket; 101 if it is open."""
    url = served.address.replace("http", "ws")
    url += f"/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id={page}&tab_id=t&document_id=d"
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), **headers}
    try:
        with connect(url, origin=origin, additional_headers=sent):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refusal:
        return int(refusal.response.status_code)


def raw(served: Served, target: str, host: str, cookies: Cookies) -> int:
    """The status of a request whose path and host are sent as they are."""
    place = urlsplit(served.address)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with socket.create_connection((place.hostname, place.port)) as connection:
        lines = (f"GET {target} HTTP/1.1", f"Host: {host}", f"Cookie: {cookie}", "Connection: close", "", "")
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(100).split()[1])


def test_nobody_comes_in_without_a_cookie(served: Served) -> None:
    for path in ("/", "/images/28M2QCZT4B/map_a.nii.gz", "/study/tables.zip", "/docs", "/openapi.json", "/_nicegui/x"):
        answer = httpx.get(served.address + path)
        assert answer.status_code == 401
        assert "personal link" in answer.text


def test_a_link_works_once(served: Served, cookies: dict[str, Cookies]) -> None:
    again = httpx.get(served.links["R1"])
    assert again.status_code == 410
    assert "set-cookie" not in again.headers
    assert "used already" in again.text
    assert httpx.get(served.address, cookies=cookies["R1"]).status_code == 200


def test_a_wrong_cookie_is_none(served: Served, cookies: dict[str, Cookies]) -> None:
    ((name, value),) = cookies["R1"].items()
    changed = value[:-2] + ("AA" if value[-2:] != "AA" else "BB")
    swapped = value.replace(value.split(".")[0], cookies["coordinator"][name].split(".")[0])
    for wrong in (changed, swapped, "", "x.y.z"):
        assert httpx.get(served.address, cookies={name: wrong}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "127.0.0.1:1", "localhost", ""])
def test_a_foreign_host_is_refused(host: str, served: Served, cookies: dict[str, Cookies]) -> None:
    assert raw(served, "/", host, cookies["R1"]) in (400, 421)
    own = urlsplit(served.address).netloc
    assert raw(served, "/", own, cookies["R1"]) == 200
    page = page_id(served, cookies["R1"])
    assert websocket(served, cookies["R1"], served.address, page, Host=host or "x") in (400, 403)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", "http://localhost", None])
def test_a_foreign_origin_is_refused(origin: str | None, served: Served, cookies: dict[str, Cookies]) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = httpx.post(served.address + "/leave", cookies=cookies["R1"], headers=headers)
    assert answer.status_code == 403
    if origin is not None:
        assert httpx.get(served.address, cookies=cookies["R1"], headers=headers).status_code == 403
    page = page_id(served, cookies["R1"])
    assert websocket(served, cookies["R1"], origin, page) == 403
    polling = f"{served.address}/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id={page}"
    assert httpx.post(polling, cookies=cookies["R1"], headers=headers).status_code == 403


def test_a_websocket_is_for_ones_own_page(served: Served, cookies: dict[str, Cookies]) -> None:
    page = page_id(served, cookies["R1"])
    assert websocket(served, cookies["R1"], served.address, page) == 101
    assert websocket(served, cookies["R2"], served.address, page) == 403
    assert websocket(served, cookies["coordinator"], served.address, page) == 403
    assert websocket(served, {}, served.address, page) == 403
    assert websocket(served, cookies["R2"], served.address, "") == 403


def test_a_socket_speaks_for_its_own_page_only(study: Study) -> None:
    served = Served(study.folder)
    cookies = {name: dict(httpx.get(served.links[name]).cookies) for name in ("R1", "R2")}
    own, other = (page_id(served, cookies[name]) for name in ("R2", "R1"))
    url = f"{served.address}/_nicegui_ws/socket.io/?EIO=4&transport=websocket&implicit_handshake=true"
    url = url.replace("http", "ws") + f"&client_id={own}&tab_id=t&document_id=d&next_message_id=0"
    cookie = "; ".join(f"{name}={value}" for name, value in cookies["R2"].items())
    with connect(url, origin=served.address, additional_headers={"Cookie": cookie}) as ws:  # type: ignore[arg-type]
        ws.recv()
        ws.send("40")
        ws.recv()
        for page, words in ((other, "of another page"), (own, "of its own page")):
            ws.send("42" + json.dumps(["log", {"client_id": page, "level": "error", "message": words}]))
        time.sleep(0.5)
    said = served.stop()
    assert "of its own page" in said
    assert "of another page" not in said


def test_a_reader_gets_nothing_of_others_or_of_the_coordinator(
    served: Served, cookies: dict[str, Cookies], study: Study
) -> None:
    codes = {row.stimulus for row in study.allocation.rows}
    for code in codes:  # no session is open: there is nothing to be had
        assert httpx.get(f"{served.address}/images/{code}/map_a.nii.gz", cookies=cookies["R1"]).status_code == 404
    for path in ("/study/tables.zip", "/study/results/report.html", "/study/sealed/codebook.json"):
        assert httpx.get(served.address + path, cookies=cookies["R1"]).status_code == 403
        assert httpx.get(served.address + path, cookies=cookies["A1"]).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/images/../../sealed/codebook.json",
        "/images/%2e%2e/%2e%2e/sealed/codebook.json",
        "/images/..%2f..%2fsealed%2fcodebook.json/x.nii.gz",
        "/images/%252e%252e/x.nii.gz",
        "//images/x/y.nii.gz",
        "/images\\x",
        "/study/results/../sealed/codebook.json",
        "/study/results/%2e%2e/sealed/truth.csv",
        "/study/sealed/codebook.json",
        "/study//etc/passwd",
        "/study/%00",
        "/link/../",
    ],
)
def test_tricks_with_paths_are_refused(path: str, served: Served, cookies: dict[str, Cookies]) -> None:
    own = urlsplit(served.address).netloc
    assert raw(served, path, own, cookies["coordinator"]) in (400, 404)


def test_links_cannot_be_guessed_in_quantity(served: Served, cookies: dict[str, Cookies]) -> None:
    answers = [httpx.get(f"{served.address}/link/guess{n}").status_code for n in range(12)]
    assert answers[0] == 403
    assert answers[-1] == 429
    assert httpx.get(served.address, cookies=cookies["R1"]).status_code == 200  # who is in is not held up
    assert httpx.request("HEAD", served.links["A1"]).status_code in (405, 429)


def test_pages_forbid_what_they_do_not_need(served: Served, cookies: dict[str, Cookies]) -> None:
    answer = httpx.get(served.address, cookies=cookies["R1"])
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    forged = httpx.get(served.address, cookies=cookies["R1"], headers={"X-Forwarded-Prefix": "/evil"})
    assert "/evil" not in forged.text


def test_behind_a_proxy_only_its_name_counts(study: Study) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = Served(study.folder, "--port", str(port), "--public", "https://reads.example.org", "--reader", "R1")
    assert list(served.links) == ["R1"]
    assert served.address == "https://reads.example.org"
    path = urlsplit(served.links["R1"]).path
    here = f"http://127.0.0.1:{port}"
    name = {"Host": "reads.example.org"}
    assert httpx.get(here + path).status_code == 421
    given = httpx.get(here + path, headers=name).headers["set-cookie"]
    assert "; Secure" in given
    cookie = {"Cookie": given.split(";")[0], **name}
    assert httpx.get(here, headers=cookie).status_code == 200
    assert httpx.post(here + "/leave", headers={**cookie, "Origin": here}).status_code == 403
    assert httpx.post(here + "/leave", headers={**cookie, "Origin": served.address}).status_code == 200
    served.kill()


# The keyring by itself -----------------------------------------------------------------------------------------------


def test_links_expire_and_are_forgotten(tmp_path: Path) -> None:
    now = [1000.0]
    keyring = Keyring(tmp_path, (R1, R2), lambda: now[0])
    token = keyring.new_link(R1)
    assert token not in (tmp_path / "seat.json").read_text()
    assert (tmp_path / "seat.json").stat().st_mode & 0o777 == 0o600
    now[0] += LINK_SECONDS + 1
    with pytest.raises(Refused, match="expired"):
        keyring.redeem(token, "here")


def test_what_is_used_stays_used_after_a_restart_and_at_a_second_server(tmp_path: Path) -> None:
    first, second = Keyring(tmp_path, (R1, R2)), Keyring(tmp_path, (R1, R2))
    token, other = first.new_link(R1), second.new_link(R2)
    assert second.redeem(token, "here") == R1
    assert first.redeem(other, "here") == R2
    for keyring in (first, Keyring(tmp_path, (R1, R2))):
        with pytest.raises(Refused, match="used already"):
            keyring.redeem(token, "there")
    assert first.person(second.cookie(R1)) == R1


def test_a_person_can_be_signed_out_everywhere(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path, (R1, R2))
    cookie, other, token = keyring.cookie(R1), keyring.cookie(R2), keyring.new_link(R1)
    keyring.revoke(R1)
    assert keyring.person(cookie) is None
    assert keyring.person(other) == R2
    with pytest.raises(Refused):
        keyring.redeem(token, "here")
    assert keyring.person(keyring.cookie(R1)) == R1
    assert Keyring(tmp_path, (R2,)).person(keyring.cookie(R1)) is None  # not served there
    assert COOKIE_SECONDS <= 7 * 86400


def test_an_address_that_tries_too_often_waits(tmp_path: Path) -> None:
    now = [0.0]
    keyring = Keyring(tmp_path, (R1,), lambda: now[0])
    token = keyring.new_link(R1)
    for _ in range(10):
        with pytest.raises(Refused) as refused:
            keyring.redeem("wrong", "there")
        assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        keyring.redeem(token, "there")
    assert refused.value.status == 429
    assert keyring.redeem(token, "here") == R1
    now[0] += 61
    with pytest.raises(Refused, match="used already"):
        keyring.redeem(token, "there")


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "seat.json").write_text("{")
    with pytest.raises(InputError, match=r"seat\.json is damaged"):
        Keyring(tmp_path, (R1,))


def test_the_command_says_in_one_line_what_is_wrong(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for options, words in (
            (("--reader", "R9"), "R9 has no part in this study"),
            (("--port", port), f"Port {port} of 127.0.0.1 cannot be used"),
            (("--host", "0.0.0.0"), "put a TLS proxy in front"),
        ):
            assert cli.main(["study", "read", str(study.folder), *options]) == 2
            said = capsys.readouterr()
            assert words in said.err
            assert said.err.count("\n") == 1
            assert said.out == ""


def test_people_and_addresses(study: Study) -> None:
    assert [(p.name, p.role.value) for p in people_of(study)] == [
        ("R1", "reader"),
        ("R2", "reader"),
        ("A1", "adjudicator"),
        ("coordinator", "coordinator"),
    ]
    with pytest.raises(InputError, match="R9 has no part in this study: choose from R1"):
        people_of(study, "R9")
    for wrong in ("0.0.0.0", "192.168.1.2"):
        with pytest.raises(InputError, match="put a TLS proxy in front"):
            Address(wrong)
    for wrong in ("reads.example.org", "https://reads.example.org/x", "http://reads.example.org", "ftp://x"):
        with pytest.raises(InputError, match="--public"):
            Address(public=wrong)
    with pytest.raises(InputError, match="--port"):
        Address(port=70000)
    assert Address("0.0.0.0", public="https://Reads.example.org").origins(80) == ("https://reads.example.org",)
