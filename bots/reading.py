"""Reads what people attach to what they ask."""

from bots.chat_platform import File, Said
from bots.scene import Scene
from brain.domain.attachment import MOST, Attachment
from brain.domain.errors import Rejected, Unavailable


async def read_files(scene: Scene, said: Said) -> tuple[Attachment, ...]:
    """Each with its text, or with why there is none; those beyond the limit are named, too."""
    read = [await _read(scene, file) for file in said.files[: MOST - 1]]
    left = [Attachment(one.name, problem=scene.texts("too_many_files")) for one in said.files[MOST - 1 :][:1]]
    return (*read, *left)


async def _read(scene: Scene, file: File) -> Attachment:
    try:
        content = await scene.platform.fetch_file(scene.conversation.workspace, file)
    except Rejected as error:
        return Attachment(file.name, problem=str(error))
    except Unavailable:
        # The question does not wait for its files: whoever asked can send them again.
        return Attachment(file.name, problem=scene.texts("file_away"))
    return await scene.brain.read_file(content, name=file.name, media_type=file.media_type or None)
