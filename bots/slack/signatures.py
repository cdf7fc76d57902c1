"""Whether a request is Slack's own. Pure.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

OLDEST_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
# Asked now and then, unsigned, to see our certificate: it is answered, and nothing is done.
# https://docs.slack.dev/interactivity/implementing-slash-commands
_SSL_CHECK = re.compile(rb"(token=[^&]*&)?ssl_check=1(&token=[^&]*)?")


def signed(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], *, now_s: float) -> bool:
    """By any of the secrets: two of them count while one is replaced by the other."""
    known = {name.lower(): value for name, value in headers.items()}
    timestamp = known.get("x-slack-request-timestamp", "")
    signature = known.get("x-slack-signature", "")
    if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
        return False
    if abs(now_s - int(timestamp)) > OLDEST_S:
        return False
    base = f"v0:{timestamp}:".encode() + body
    right = ("v0=" + hmac.new(one.encode(), base, hashlib.sha256).hexdigest() for one in secrets if one)
    return any(hmac.compare_digest(one, signature) for one in right)


def ssl_check(body: bytes) -> bool:
    return _SSL_CHECK.fullmatch(body) is not None
