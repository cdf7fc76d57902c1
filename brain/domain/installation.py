"""What a workspace let us have when somebody installed the bot there."""

from dataclasses import dataclass, field
from datetime import datetime

from brain.domain.identity import MemberId


@dataclass(frozen=True, slots=True)
class Installation:
    """`workspace` is empty where a whole organisation, the `enterprise`, has the bot; `teams` are then those
    of its workspaces that were heard of. `tokens` are sealed: what keeps them cannot read them.
    """

    platform: str
    enterprise: str
    workspace: str
    name: str
    bot_user: str
    bot_id: str
    tokens: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    expires_at: datetime | None = None
    installed_by: MemberId | None = None
