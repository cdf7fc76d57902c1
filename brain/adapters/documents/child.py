"""The process that reads strangers' files: one after the other, confined, and replaced after a while."""

import dataclasses
import os
import sys

from brain.adapters.documents.confinement import Limits, allow_cpu, confine
from brain.adapters.documents.failures import rejected
from brain.adapters.documents.formats import read
from brain.adapters.documents.wire import READY, Reply, Request, receive_request, send_reply
from brain.domain.errors import Rejected

# Files after which it makes room for another: nothing that a file left behind lasts longer.
_FILES = 50
# A larger one leaves much memory taken; the next file is to find all of its own.
_LARGE_BYTES = 5 * 1024**2
# Each begins a passage of its own; a book of a thousand pages has hundreds.
_HEADINGS = 10_000


def main(limits: Limits, *, pictures: bool) -> None:
    requests = sys.stdin.buffer
    # What a library prints must not get between the replies.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    confine(limits)
    replies.write(READY)
    for count in range(1, _FILES + 1):
        request = receive_request(requests)
        if request is None:
            return
        allow_cpu(limits)
        reply = _answer(request, limits, pictures=pictures)
        # One that was refused may have been made to do harm; what reads pictures keeps the memory it had.
        last = count == _FILES or bool(reply.refused) or pictures or len(request.content) > _LARGE_BYTES
        send_reply(replies, dataclasses.replace(reply, last=last))
        if last:
            return


def _answer(request: Request, limits: Limits, *, pictures: bool) -> Reply:
    try:
        document = read(request.content, name=request.name, media_type=request.media_type, pictures=pictures)
        if document.markdown.count("\n#") > _HEADINGS:
            raise Rejected(f"{request.name} has more than {_HEADINGS:,} headings: split it up.")
        # Counted in bytes without making them: there may be no memory for another copy.
        if _encoded_size(document.markdown) > limits.text_bytes:
            raise Rejected(
                f"{request.name} has more than {limits.text_bytes // 1024**2} MB of text: split it into"
                " smaller files."
            )
    except Rejected as refusal:
        return Reply(None, str(refusal), last=False)
    except MemoryError as error:
        return Reply(None, f"{request.name} {rejected(error, part='text')}", last=True)
    return Reply(document, "", last=False)


def _encoded_size(text: str) -> int:
    return sum(len(text[at : at + 65_536].encode("utf-8", "replace")) for at in range(0, len(text), 65_536))


if __name__ == "__main__":
    main(Limits.from_json(sys.argv[1]), pictures="pictures" in sys.argv[2:])
