"""Credentials never leave the process, and what stays is readable."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.scrubbing import REDACTED, Scrubber, is_secret

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
REPEATED = (
    *("eyJ", "eyJ-", "eyJabcde.", "eyJ..", "a://", "a://b:c", "cookie", "cookie:\n", 'cookie"', "authorization "),
    *("proxy-", "bearer ", "digest\t", "token=", "token = ", 'token="', "session-id", "?key=", "&token"),
    *(" ", "\n", '"', ":", "x", "\\", "user[password]=", "sig=", "password1", 'pwd="\\'),
)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-value",
        "authorization=Basic czNjcjN0LXZhbHVl",
        "proxy-authorization: Negotiate s3cr3t-value",
        "Cookie: a=s3cr3t-value; b=s3cr3t-value",
        "[(b'cookie', b'sid=s3cr3t-value')]",
        "{'set-cookie': 's3cr3t-value'}",
        '{"password": "s3cr3t-value with spaces"}',
        "client_secret=s3cr3t-value",
        "x-auth-token: s3cr3t-value",
        "GET https://api/x?page=2&access_token=s3cr3t-value HTTP/1.1",
        "https://user:s3cr3t-value@host/path",
        "redis://:s3cr3t-value@redis:6379/0",
        "called with bearer s3cr3t-value",
        "pwd=s3cr3t-value",
        "GET /blob?se=2026&sig=s3cr3t-value&sv=1",
        "AWS_SECRET_ACCESS_KEY=s3cr3t-value",
        "AccountKey=s3cr3t-value;EndpointSuffix=core.example",
        "user[password]=s3cr3t-value&page=2",
        "user%5Bpassword%5D=s3cr3t-value",
        "{'new_password1': 's3cr3t-value', 'new_password2': 's3cr3t-value'}",
        r'{"password": "with \" a quote s3cr3t-value"}',
        r'"{\"password\": \"s3cr3t-value\", \"user\": \"ann\"}"',
        r'"{\"password\": \"with \\\" a quote s3cr3t-value\"}"',
        'Cookie: theme="dark"; sid="s3cr3t-value"',
        "postgres://user:p@s3cr3t-value@host/db",
        "redis://:a:b@s3cr3t-value@redis:6379/0",
        f"token in a path: /reset/{JWT}/confirm",
    ],
)
def test_credentials_in_text_are_taken_out(text: str) -> None:
    """Credentials are found in headers, query strings, URLs, assignments and tokens."""
    clean = Scrubber().text(text)

    assert "s3cr3t" not in clean
    assert JWT not in clean
    assert REDACTED in clean


@pytest.mark.parametrize(
    "text",
    [
        "GET /v1/users/42?page=2&sort=name",
        "cache key=user:42 status code=500",
        "the token bucket is full",
        "https://example.com/a:b@c",
        "took 12:30:01 for 3 retries",
        "design: done, keyboard=qwerty, monkey: see",
        "https://host:443/?reply=ann@example.com",
        r"{\"user\": \"ann\", \"page\": 2}",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """What is no credential is not touched, or logs would be useless."""
    assert Scrubber().text(text) == text


@pytest.mark.parametrize("tail", ["", " ", '"', " =: @.x"])
@pytest.mark.parametrize("unit", REPEATED)
def test_the_time_grows_no_faster_than_the_text(unit: str, tail: str) -> None:
    """Sixteen times the text takes about sixteen times the CPU (quadratic: 256), however often a lead repeats."""
    small, large = (spent(unit * (length // len(unit)) + tail) for length in (8_000, 128_000))

    assert large < 64 * max(small, 0.000_2)


def spent(text: str) -> float:
    """Return the CPU seconds that scrubbing takes, the least of three."""
    scrubber, times = Scrubber(), []
    for _ in range(3):
        began = time.thread_time()
        scrubber.text(text)
        times.append(time.thread_time() - began)
    return min(times)


@given(st.text("eyJab.-_ :", max_size=60))
def test_a_token_is_found_wherever_a_plain_search_finds_one(text: str) -> None:
    """Looking at each word once finds the tokens that trying every position would find."""
    plain = re.sub(r"eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?", REDACTED, text)

    assert Scrubber().text(text) == plain


@pytest.mark.parametrize("secret", ["redis://user:s3cr3t@host", f"token {JWT}", "password=s3cr3t"])
def test_a_credential_divided_by_the_cut_is_not_shown(secret: str) -> None:
    """Text is cut before it is scrubbed, and what is redacted makes room: half a credential never moves up into it."""
    for length in range(len(secret)):
        text = "password=" + "x" * 150 + " " + "y" * (39 - length) + " " + secret + " z" * 100

        shown = Scrubber().value(text, limit=100)

        assert len(shown) <= 101
        assert not any(part in shown for part in ("s3", "eyJzdWI"))


def test_a_traceback_keeps_its_last_lines_whatever_the_message_holds() -> None:
    """A long message is cut within its own line, so that the frames before it stay; the rest goes from the top."""
    with pytest.raises(ValueError, match="eyJ") as caught:
        fail("eyJ" * 20_000)

    whole, short = (Scrubber().stacktrace(caught.value, limit) for limit in (4096, 1200))

    assert whole.startswith("Traceback")
    assert "in fail" in whole
    assert short.startswith("…\n")
    assert short.splitlines()[-1] == whole.splitlines()[-1]
    assert len(whole) <= 4096
    assert len(short) <= 1200


def test_a_quoted_secret_of_several_lines_is_taken_out_of_a_traceback() -> None:
    """A traceback is searched as one text, for a line alone does not show that it continues a secret."""
    with pytest.raises(ValueError, match="password") as caught:
        fail('{"password": "first\ns3cr3t", "user": "ann"}')

    shown = Scrubber().stacktrace(caught.value, 4096)

    assert "s3cr3t" not in shown
    assert shown.endswith('"user": "ann"}')


def fail(message: str) -> None:
    """Fail with a message."""
    raise ValueError(message)


def test_configured_query_parameters_are_taken_out_by_name() -> None:
    """A parameter named in the settings loses its value, whatever its case; others keep theirs."""
    assert Scrubber(["invite"]).query("Invite=abc&page=2&invite=") == f"Invite={REDACTED}&page=2&invite={REDACTED}"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "x-auth-token", "client_secret", "API_KEY", "sessionid", "new_password1", "pwd", "sig"],
)
def test_fields_named_like_credentials_are_secret(name: str) -> None:
    """A field is recognised by the last word of its name."""
    assert is_secret(name)


@pytest.mark.parametrize("name", ["user", "token_count", "keyboard", "author", "cookie_policy", "design", "monkey"])
def test_fields_that_only_resemble_them_are_not(name: str) -> None:
    """A name that merely contains such a word is kept."""
    assert not is_secret(name)


def test_secrets_are_found_however_deep_they_lie() -> None:
    """Nested values lose their secrets too, and what lies too deep becomes text without them."""
    value: Any = {"headers": {"authorization": "s3cr3t"}, "list": [{"deep": {"er": {"still": {"password": "s3cr3t"}}}}]}

    assert "s3cr3t" not in json.dumps(Scrubber().value(value, limit=1000))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_any_value_becomes_valid_json(value: Any) -> None:
    """Whatever is logged can be written as strict JSON and as UTF-8."""
    json.dumps(Scrubber().value(value, limit=100), allow_nan=False, ensure_ascii=False).encode()


def test_an_object_that_cannot_be_shown_is_named() -> None:
    """A broken __str__ costs its own words, not the log line."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert Scrubber().value(Broken(), limit=100) == "<unprintable Broken>"
