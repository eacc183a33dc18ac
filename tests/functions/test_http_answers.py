"""Answers of web services: which of them mean that an event can come again, and that no address is repeated."""

import httpx
import pytest

from vcenter_functions.errors import PermanentError, TemporaryError
from vcenter_functions.http_answers import check_answer

URL = "https://hooks.example.com/bot123:token-of-a-bot/a%2Dsecret?key=sig%3Dsecret&token=the-token"


def answer(status: int, text: str = "", retry_after: str | None = None) -> httpx.Response:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return httpx.Response(status, text=text, headers=headers, request=httpx.Request("POST", URL))


def test_2xx_is_done() -> None:
    for status in (200, 202, 204):
        check_answer(answer(status))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("retry_after", "delay"), [(None, None), ("17", 17), ("99999", 3600), ("Sat, 31 Jan 2026 08:00:00 GMT", None)]
)
def test_what_may_pass_comes_again(status: int, retry_after: str | None, delay: float | None) -> None:
    with pytest.raises(TemporaryError) as caught:
        check_answer(answer(status, "not\nnow", retry_after))
    assert (str(caught.value), caught.value.delay) == (f"hooks.example.com answers {status}: not now", delay)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 410, 413])
def test_anything_else_is_final(status: int) -> None:
    with pytest.raises(PermanentError, match=rf"^hooks\.example\.com answers {status}$"):
        check_answer(answer(status))


@pytest.mark.parametrize(
    "echo", [URL, "no bot token-of-a-bot, a-secret, a%2Dsecret, sig%3Dsecret or the-token", "é" * 500]
)
def test_no_part_of_the_address_is_repeated(echo: str) -> None:
    with pytest.raises(PermanentError) as caught:
        check_answer(answer(404, echo))
    assert "secret" not in str(caught.value)
    assert "token-" not in str(caught.value)
    assert "the-token" not in str(caught.value)
    assert len(str(caught.value)) < 240
