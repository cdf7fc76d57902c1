"""Whether something said among many is a question or a request for help, for a knowledge bot to consider.

English and German, whatever the locale: people write both. Silence is cheap and chatter is not, so what may
as well be talk among colleagues counts as talk.
"""

import re
from collections.abc import Iterator

_MOST = 8_000
# "What?" is a question to whoever spoke before.
_FEWEST = 3
_THANKS = frozenset(
    "thanks thank thx ty danke dankeschön merci great nice cool perfect super same lol haha wow yay".split()
)
_SHORT = 6


def _any(*patterns: str, at: str = "") -> re.Pattern[str]:
    return re.compile(rf"{at}(?:{'|'.join(patterns)})", re.IGNORECASE)


# Where a clause begins.
_CLAUSE = r"(?:^|[,;:–—-]\s+)(?:(?:and|but|so|or|und|aber|also|oder|denn) )?"

# What is pasted is not said: fences, quotations, addresses, code, logs and traces.
_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTATION = re.compile(r"^[ \t]*(?:>|&gt;).*$", re.MULTILINE)
_ADDRESS = re.compile(r"<?\b(?:[a-z][a-z+.-]{1,10}://|www\.)[^\s>]+>?", re.IGNORECASE)
_SPOKEN_OF = re.compile(r"`[^`\n]+`|\"[^\"\n]+\"|“[^”\n]+”|„[^“”\n]+[“”]")
_EMOJI = re.compile(r":[a-z0-9_+-]+:")
_PASTED = re.compile(
    r"^(?:[^\w\n]*(?:\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}:\d{2})\b.*|[ \t]*at [\w.$<>]+\(.*|Traceback .*"
    r"|[ \t]+File \".*|(?: {4}|\t).*"
    r"|[\w.]*(?:Error|Exception)\b:.*|.*[;{}][ \t]*$|(?:\$|curl|kubectl|git|docker|npm|pip|sudo|SELECT"
    r"|import|def)[ \t].*"
    r"|.*\b(?:ERROR|WARN|INFO|DEBUG|FATAL)\b[ \t:\]].*)$",
    re.MULTILINE,
)
_ALERT = re.compile(
    r"\W*(?:(?:FIRING|RESOLVED|ALERT|ALARM|PROBLEM|RECOVERY|CRITICAL|WARNING|INCIDENT|OK)\b|(?:Build|Job"
    r"|Pipeline) #?\d)"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_LEAD = re.compile(
    r"^\W*(?:(?:hi|hello|hey|hallo|moin|servus|thanks|thank you|danke|good|guten|morning|morgen|tag|afternoon"
    r"|all|everyone|everybody|folks|team|guys|there|zusammen|alle|leute|sorry|ok|okay|so|and|but|also|then"
    r"|now"
    r"|and also|und|aber|dann|nur|just|please|bitte|(?:a |another )?quick (?:question|one)|(?:kurze )?frage"
    r"|question)\b[\s,:;!–—-]*)+",
    re.IGNORECASE,
)
_TAG = re.compile(
    r"(?:^|,\s*|\s[–-]\s)(?:right|ok(?:ay)?|correct|no|yes|huh|eh|isn't it|doesn't it|aren't they"
    r"|don't you think|agreed"
    r"|oder|ne|gell|nicht wahr|stimmt's|ja|passt)\s*\?+$",
    re.IGNORECASE,
)

# Said to one person, by name.
_NAMED = re.compile(r"(?:@[\w.-]+|[A-ZÄÖÜ][a-zäöüß]+[,:] (?=.*\b(?:you|your|du|dir|dein\w*|Sie)\b))")
_EVERYONE = re.compile(r"^\W*@(?:here|channel|all|everyone|team)\b", re.IGNORECASE)
_OR_ANYONE = _any(r"\bor (?:any|some)(?:one|body)\b", r"\boder (?:sonst )?(?:jemand|wer)\b")

# What a knowledge bot can do for somebody; anything else that "you" or "someone" is asked for needs a person.
_TELLING = (
    r"(?:tell|explain|help|point|show|clarify|advise|remind|confirm|enlighten|walk|guide|recommend|know"
    r"|remember)\b"
)
_SAGEN = r"(?:sagen|erklären|helfen|zeigen|verraten|erläutern|weiterhelfen|nennen|bestätigen|empfehlen)\b"
_SOMEONE = r"(?:some|any)(?:one|body)(?: (?:else|here|out there))?"
_JEMAND = r"(?:jemand|irgendwer|wer|einer|irgend ?jemand)"
_NO_FAVOUR = (
    r"(?! (?:a )?(?:time|minute|moment|capacity|plans|spare|second|fancy|lust|zeit|hunger|bock|kurz))"
)
_TELL_ME = _any(
    rf"(?:can|could|would|will) (?:you|u|{_SOMEONE})(?: guys)?(?: please| maybe| kindly)? {_TELLING}",
    r"do you (?:guys |all )?(?:happen to )?know\b",
    rf"(?:does|do|has|have|did) {_SOMEONE} (?:know|have|has|got|seen|see|remember|understand|recall|else"
    rf"|tried"
    rf"|figured|experienced?|run|ever)\b{_NO_FAVOUR}",
    rf"{_SOMEONE} knows?\b",
    r"is there (?:any|some)(?:one|body) who can (?:explain|help|tell)",
    rf"(?:kannst|könntest|kann|könnte|könnt|könnten|können) (?:\w+ ){{0,2}}(?:mir"
    rf"|uns) (?:\S+ ){{0,4}}{_SAGEN}",
    r"(?:weißt du|wisst ihr|wissen sie)\b",
    rf"(?:weiß|kennt|hat|hatte|sieht) (?:das )?(?:hier )?{_JEMAND}\b{_NO_FAVOUR}",
    at=_CLAUSE,
)
_TO_YOU = _any(
    r"(?:can|could|would|will|do|did|are|were|have|had|has|should|may) (?:you|u|ya|y'all)\b",
    rf"(?:can|could|would|will|does|did|is|has) (?:{_SOMEONE}|everyone|everybody|all of you)\b",
    r"(?:what|where|when|why|who|how|which \w+) (?:did|are|were|have|will|'re|had) (?:you|u)\b",
    r"(?:what|where|when|why|how|which \w+) (?:do|would|can|could) you"
    r" (?:think|feel|mean|want|like|prefer|say|suggest|guess|need|live|sit)\b",
    r"(?:(?:kann|kannst|könnt|hast|bist|will|magst|kommst|gehst|machst|weiß|würd|wars|muss|sieh|schau|nimm"
    r"|wird|hatt|hätt"
    r"|wills|könntes|würdes|brauchs)(?:st|t|est|test)?) (?:du|ihr)\b",
    r"(?:habt|seid|wollt|kommt|geht|macht|wart|mögt|braucht) ihr\b",
    r"(?:können|könnten|haben|würden|sind|wären) Sie\b",
    rf"(?:kann|könnte|hat|mag|will|möchte) {_JEMAND}\b",
    r"(?:wo|was|wann|warum|wie) (?:bist|hast|warst|machst|meinst|denkst|findest|seid|habt|meint"
    r"|denkt) (?:du|ihr)\b",
    at=_CLAUSE,
)

# Small talk, plans, reproaches, and questions that want no answer.
_TALK = _any(
    r"\bhow(?: is|'s| are| was| were| did|s)? (?:you|it|everyone|everybody|things|y'all|life|your"
    r"|everything)\b",
    r"\bhow (?:cool|nice|great|funny|cute|awesome|hard|difficult) (?:is|can|could)\b",
    r"\bwhat(?:'s| is) (?:up|new|going on with you)\b|\bwhat (?:could|can) possibly\b"
    r"|\bwhat an? \w+ ?[!?.]*$",
    r"\bwho(?:'s| is| are|se)?(?: else)?(?: is)? (?:in|up|joining|coming|going|bringing|free|available"
    r"|hungry|keen|around"
    r"|wants?|fancies|cares|knew|has time|broke|left|took|ate|stole|forgot|moved|drank|turned|hid|won"
    r"|said)\b",
    rf"\b{_SOMEONE} (?:up for|fancy|fancies|wants?|interested|around|for|free|hungry|there|home|awake|keen"
    rf"|joining)\b",
    r"\b(?:shall|should|can|could|do|will|when can|where shall|what time shall) we"
    r" (?:all |just |maybe |please )?(?:meet|sync|talk|move|push|reschedule|postpone|go|say|start|chat|grab"
    r"|wait|merge|catch"
    r"|discuss|order|have (?:a call|a chat|lunch|a look)|do (?:it|that|this)|make it|celebrate|still on"
    r"|want)\b",
    r"\b(?:works?|suits?|fits?|okay|fine|good) (?:for|with) (?:you|everyone|everybody|all|y'all)\b"
    r"|\bmakes? sense\b",
    r"^(?:is|was|are|does|did)n't (?:that|this|it|he|she|they)\b",
    r"^(?:why not|why bother|who knows|really|seriously|says who|you know what|guess what)\b[^?]*\?*$",
    r"\bwie (?:geht'?s|geht es|war|läuft'?s|läuft es)\b|\bwas (?:soll'?s|geht|macht ihr|für eine?)\b",
    r"\bwer (?:kommt|will|möchte|macht mit|geht mit|ist dabei|fährt|sagt'?s|weiß\W*$|hat (?:lust|zeit"
    r"|hunger|bock|mein))",
    r"\b(?:sollen|wollen|können|sollten) wir (?:uns|den|das|die|mal|kurz|heute|morgen|noch|gleich)\b"
    r".*\b(?:treffen|verschieben|machen|gehen|sprechen|reden|telefonieren|bestellen|essen)\b",
    r"\bpasst (?:das|euch|dir|es|ihnen|allen)\b|^(?:ernsthaft|echt|wirklich|warum nicht|na und)\W*$",
    r"\bthe (?:game|match|party|weekend|film|movie) (?:last|yesterday|on|tonight)\b",
)
_TALKED_OF = _any(
    r"\b(?:lunch|coffee|pizza|beers?|drinks?|party|breakfast|dinner|cake|tea|snacks?|standup|stand-up|retro"
    r"|call|meeting"
    r"|mittagessen|mittag|kaffee|kuchen|bier|kantine|feierabend|termin|today|tonight|tomorrow|heute|morgen)\b"
)

_WH = r"(?:how|what|which|who|whom|whose|where|when|why)"
_AUX = (
    r"(?:is|are|was|were|am|do|does|did|can|could|may|might|must|should|shall|will|would|has|have|had|'s"
    r"|'re)(?:n't)?\b"
)
_W = (
    r"(?:wie(?: ?viele?| lange| oft| hoch| weit)?|was|welche[mnrs]?|wer|wen|wem|wessen|wo|wohin|woher|wann"
    r"|warum|wieso|weshalb"
    r"|wozu|wo(?:r|f|m|d|b|n|h|v)\w+)"
)
_VERB = (
    r"(?:kann|könnte|können|muss|müssen|müsste|darf|dürfen|soll|sollte|sollen|ist|sind|hat|haben|habe|wird"
    r"|werden|gibt|gilt"
    r"|gelten|bekomme|bekommt|kriege|brauche|brauchen|braucht|funktioniert|geht|läuft|lässt|lassen|kommt"
    r"|kostet|heißt"
    r"|bedeutet|steht|zählt|reicht|stimmt|wäre|war|waren|macht|mache|finde|gehört|liegt|genehmigt|fehlt"
    r"|bleibt)\b"
)
# With a question mark: how a clause that asks may begin.
_ASKING = _any(
    rf"(?:\w+ )?{_WH}\b",
    rf"{_AUX}",
    r"any(?:one|body)? (?:ideas?|hints?|clues?|pointers?|tips?|thoughts on how|docs|chance|way)\b",
    rf"(?:(?:an|ab|bis|bei|in|mit|von|für|seit|zu|nach|über|auf|aus|gegen|um) )?{_W}\b",
    rf"{_VERB}",
    at=_CLAUSE,
)
# Without one, more of its shape has to be there.
_ASKING_UNMARKED = _any(
    rf"(?:what|which|whose|how (?:much|many|long|often)) (?!{_AUX})(?:\S+ ){{1,4}}?{_AUX}(?! not\b)",
    rf"what ?{_AUX} (?:i|we|you|one|the|an?|my|our|this|that|these|it|there)\b|what happens (?:if|when)\b",
    r"how to \w+",
    rf"(?:how|where|why) ?{_AUX} \w+ \w+",
    rf"(?:how|where|when|why|who|whom)(?: would| else)? ?{_AUX} (?:i|we|you|one|the|a|an|my|our|this|that"
    rf"|there|it|new|to)\b",
    r"(?:can|could|may|should|am|do|does|did|is|are|has|have|must) (?:i|we|there|one)\b",
    r"(?:is|are|does|can|has) (?:the|a|an|my|our|it|this) ",
    r"any (?:ideas?|hints?|clues?|pointers?|tips?)\b",
    rf"(?:(?:an|ab|bis|bei|mit|von|für|seit|zu) )?{_W} (?:{_VERB}|[a-zäöüß]+(?:e|t|n)) "
    r"(?:ich|wir|man|es|der|die|das|den|dem|ein|eine|einen|mein\w*|unser\w*)\b",
    rf"welche[mnrs]? \w+ (?:\w+ )?{_VERB}",
    r"(?:kann|darf|muss|soll|brauche|bekomme) (?:ich|man|wir)\b(?! mal| noch| auch)(?=(?: \S+){3})",
    r"(?:gibt es|gibt'?s)\b|(?:ist|funktioniert|geht|gilt|haben wir) (?:es|der|die|das|ein|eine)\b",
    at="^",
)
_CHANGING = (
    r"(?:change|delete|remove|add|enable|disable|transfer|connect|track|create|set up|cancel|renew|upgrade"
    r"|install|export"
    r"|import|customi[sz]e|configure|hide|reset|access|request|order|recover|restore|integrate|migrate"
    r"|unlock)\b"
)
_AENDERN = (
    r"(?:ändern|löschen|entfernen|hinzufügen|aktivieren|deaktivieren|übertragen|verbinden|anlegen"
    r"|einrichten|kündigen"
    r"|verlängern|installieren|exportieren|importieren|zurücksetzen|beantragen|bestellen|wiederherstellen)\b"
)
# Wishes to know or to be helped, in the form of a statement.
_WISHING = _any(
    rf"\b(?:not sure|unsure|unclear|no (?:idea|clue)|(?:don't|do not|didn't) (?:know|understand|get|see)"
    rf"|wonder(?:ing)?"
    rf"|(?:like|love|want|need|curious|trying|try) to (?:know|understand|find out|figure out|learn)"
    rf"|figure out)"
    rf",? (?:about |from |on |in )?(?:{_WH}|if|whether)\b",
    rf"\b(?:i|we) (?:(?:would |'d )?(?:like|love)|want|need) to {_CHANGING}(?!.*\b(?:first|before|later|now"
    rf"|soon)\b)",
    rf"\b(?:ich|wir) (?:möchten?|will|wollen|würden? gerne?) (?:\S+ ){{1,8}}?{_AENDERN}",
    r"\b(?:i|we)(?:'m| am| are|'re)? ?(?:currently |still |also )?(?:looking"
    r"|searching) for (?!(?:volunteers|someone|people))",
    r"\b(?:i|we|still|really|urgently)? ?(?:could use |need |needs )(?:some |a bit of |a little |your "
    r"|urgent )*help\b",
    r"^help (?:needed|wanted|please)\b|\bplease help\b|\bhelp (?:me|us) (?:with|to|out)\b",
    rf"\b(?:please |kindly )?(?:tell|show|explain|advise)(?: to)? me (?:{_WH}|whether|about|the)\b",
    rf"\b(?:weiß|wissen|bin mir|verstehe) (?:leider |gerade |auch )*nicht(?: sicher"
    rf"| ganz)?,? (?:\w+ )?(?:{_W}|ob)\b",
    rf"\b(?:keine ahnung|frage mich|fragen uns|unklar|wüsste gern\w*|gerne? wissen"
    rf"|möchte wissen),? (?:\w+ )?(?:{_W}|ob)\b",
    r"\b(?:ich|wir) (?:suchen?|brauchen? (?:einen? )?(?:link|anleitung))\b(?! (?:noch )?(?:freiwillige"
    r"|jemand))",
    r"(?:^|\b(?:ich|wir) )(?:brauchen?|bräuchten?|benötigen?) (?:\w+ )?(?:hilfe|unterstützung|support)\b"
    r"|\bbitte (?:um )?hilfe\b",
)
# What does not work for whoever writes it.
_CANNOT = (
    r"(?:can't|cannot|can not|cant|couldn't|could not|(?:am |'m |are |'re )?unable to|(?:'m|am|are"
    r"|'re) not able to)"
)
_USING = (
    r"(?:log ?in|log ?on|sign|connect|access|open|find|see|send|reach|push|pull|install|start|print|upload"
    r"|download"
    r"|save|get|use|load|build|run|remember|figure|reset|set|view|edit|create|delete|change|submit|book"
    r"|scan|receive|enable"
    r"|configure|mount|clone|deploy|read|write|activate|register|export|import|join the (?:network|vpn)"
    r"|authenticate|enter)\b"
)
_FAILS = (
    r"(?:keeps?\b|won't|doesn't|does not|is not|isn't|stays|shows nothing|fails|crashes|hangs|freezes"
    r"|stopped|is (?:stuck"
    r"|full|broken|locked|blocked|slow)|never (?:shows|starts|loads|arrives))"
)
_TROUBLE = _any(
    rf"(?:^|\b(?:i|we)(?: still| just| also| simply| suddenly)? ?){_CANNOT} (?:even |even to )?{_USING}",
    r"(?:^|\b(?:i|we)(?:'m| am|'re| are)? (?:now |still |always )?)(?:keep )?(?:getting|get|got|seeing"
    r"|receiving)"
    r" (?:an? |the |this |some )?(?:\w+ )?(?:errors?|[45]\d\d|exceptions?|timeouts?|denied|quoted|refused)\b",
    rf"\b(?:my|our) (?:\S+ ){{1,4}}?{_FAILS}",
    rf"\b{_FAILS}.*\b(?:for me|for us|on my (?:machine|laptop|phone|side))\b",
    r"^(?:i(?:'m| am|'ve been)? )?(?:trying|tried) to .+\bbut\b",
    r"\b(?:i|we)(?:'ve| have)? (?:forgot(?:ten)?|lost|locked) (?:my|our|the|myself|the password)\b",
    r"\bi(?:'m| am) (?:stuck|locked out)\b",
    r"\b(?:ich|wir) (?:kommen?|finden?|kann|können|kriegen?|bekommen?|sehen?|erreichen?)\b.*\b(?:nicht"
    r"|kein\w*|fehler\w*)\b",
    r"^(?:bekomme|kriege|erhalte|sehe)\b.*\b(?:fehler\w*|[45]\d\d|quoted)\b",
    r"\bbei (?:mir|uns)\b.*\b(?:nicht|stürzt|hängt|fehlt|fehler\w*|bricht)\b|\b(?:stürzt|hängt"
    r"|bricht) bei (?:mir|uns)\b",
    r"\bmein\w* .*\b(?:nicht|stürzt|hängt|gesperrt|vergessen|kaputt)\b",
    r"\b(?:passwort|pin|ausweis) (?:vergessen|verloren)\b",
)
_EXCUSED = _any(
    r"\b(?:meeting|standup|termin|teilnehmen|dabei sein|make it|attend|party|offsite|nicht kommen|reproduce"
    r"|investigating|looking into)\b",
    r"\b(?:i|we)(?:'ll|'m going to| will) (?:fix|take|look|update|check|send|tell|share|investigate)\b"
    r"|\bkümmere\b",
)
_OFFERED = _any(
    r"\bif (?:you|any(?:one|body)|some(?:one|body)|there)\b|\blet (?:me|us) know (?:if|when|whether"
    r"|in case)\b",
    r"\bfeel free\b|\b(?:wenn|falls) (?:ihr|du|jemand|sie|fragen|etwas)\b|\bmeldet euch\b|\bsagt bescheid\b",
)
_SETTLED = _any(
    r"\bnever ?mind\b|\b(?:found|fixed|solved|sorted|resolved|figured) (?:it|that|the \w+|out)\b|\b(?:that"
    r"|it) (?:fixed|helped|worked)\b",
    r"(?<!not )(?<!n't )\bworks (?:now|again)\b|^(?:solved|fixed|resolved|sorted)\b|\bit was an?\b",
    r"\bgeklappt\b|\berledigt\b|\b(?:gefunden|gelöst|behoben)\b|\bgeht (?:jetzt )?wieder\b",
)


def question_like(text: str, *, addressed: bool = False) -> bool:
    """`addressed`: it mentions a person, who is then the one to answer."""
    if (addressed or _is_named(text)) and not _OR_ANYONE.search(text):
        return False
    if _ALERT.match(text):
        return False
    said = list(_sentences(text[:_MOST]))
    settled = max((at for at, one in enumerate(said) if _SETTLED.search(one)), default=-1)
    return any(_asks(one) for at, one in enumerate(said) if at > settled or (at == settled and "?" in one))


def takes_over(text: str) -> bool:
    """Whether somebody who did not ask has something to say on the matter: thanks and signs are no answer."""
    words = re.findall(r"\w+", _EMOJI.sub(" ", text.lower()))
    return len(words) > 1 and not (words[0] in _THANKS and len(words) <= _SHORT)


def _is_named(text: str) -> bool:
    return _NAMED.match(_LEAD.sub("", text)) is not None and _EVERYONE.match(text) is None


def _sentences(text: str) -> Iterator[str]:
    for pasted in (_FENCE, _QUOTATION, _PASTED):
        text = pasted.sub("\n", text)
    text = _EMOJI.sub(" ", _SPOKEN_OF.sub(" quoted ", _ADDRESS.sub(" link ", text.replace("’", "'"))))
    for sentence in _SENTENCE_END.split(text):
        if one := _LEAD.sub("", re.sub(r"\s+", " ", sentence)).strip():
            yield one


def _asks(sentence: str) -> bool:
    if _TALK.search(sentence):
        return False
    if _TELL_ME.search(sentence):
        return True
    marked = sentence.endswith("?") and len(sentence.split()) >= _FEWEST
    if marked and not _TAG.search(sentence):
        # A few words and a question mark are enough ("guest wifi password?"), but not about lunch.
        asking = _ASKING.search(sentence) or not _TALKED_OF.search(sentence)
        return bool(asking) and not _TO_YOU.search(sentence)
    if _OFFERED.search(sentence) or _EXCUSED.search(sentence):
        return False
    return any(one.search(sentence) for one in (_ASKING_UNMARKED, _WISHING, _TROUBLE))
