"""URLs that must lead nowhere, by what is wrong with them, and the names that lie about where they lead."""

import socket
from collections.abc import Sequence

# What a hostile or careless name server answers; every other name is looked up without leaving the machine.
NAMES: dict[str, tuple[str, ...]] = {
    "loopback.test": ("127.0.0.1",),
    "loopback6.test": ("::1",),
    "localhost": ("127.0.0.1", "::1"),
    "localhost.": ("127.0.0.1",),
    "ip6-localhost": ("::1",),
    "metadata.google.internal": ("169.254.169.254",),
    "metadata": ("169.254.169.254",),
    "instance-data": ("169.254.169.254",),
    "private.test": ("10.1.2.3",),
    "private.test.": ("10.1.2.3",),
    "PRIVATE.test": ("10.1.2.3",),
    "ula.test": ("fd12:3456::1",),
    "mapped.test": ("::ffff:127.0.0.1",),
    "nat64.test": ("64:ff9b::7f00:1",),
    "sixtofour.test": ("2002:7f00:1::1",),
    "scoped.test": ("fe80::1%1",),
    "half-private.test": ("93.184.215.14", "10.0.0.1"),
    "half-loopback.test": ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::1"),
    "10.0.0.1.nip.test": ("10.0.0.1",),
    "127-0-0-1.sslip.test": ("127.0.0.1",),
    "broadcast.test": ("255.255.255.255",),
    "nothing.test": (),
    "xn--oogle-qmc.test": ("127.0.0.1",),
    "kubernetes.default.svc": ("10.96.0.1",),
    "host.docker.internal": ("192.168.65.2",),
    "models.test": ("169.254.169.254",),  # its entry in the allow-list does not open this
}

_IPV4 = """
127.0.0.1 127.0.0.2 127.1.1.1 127.255.255.254 0.0.0.0 0.0.0.1 10.0.0.1 10.255.255.255 172.16.0.1
172.31.255.255 192.168.0.1 192.168.255.255 100.64.0.1 100.100.100.200 100.127.255.255 169.254.0.1
169.254.169.254 169.254.170.2 168.63.129.16 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
"""
_OTHER_IPV4 = """
2130706433 017700000001 0x7f000001 0x7F000001 127.1 127.0.1 0x7f.1 0x7f.0.0.1 0177.0.0.1 0177.0x0.0.1
127.0.0.01 2852039166 0xa9fea9fe 0xa9.0xfe.0xa9.0xfe 0251.0376.0251.0376 169.254.43518 169.16689662 0 0x0
00000 127.0.0.1. 169.254.169.254. 2130706433. 425.510.425.510 4294967296 127.0.0.1.1 1.1.1.0xff 0xffffffffff
10.1 192.168.257
"""
_IPV6 = """
[::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254]
[::ffff:a9fe:a9fe] [::ffff:10.0.0.1] [::127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1]
[64:ff9b::a9fe:a9fe] [64:ff9b:1::a9fe:a9fe] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2001:0:7f00:1::]
[fe80::1] [fe80::1%25lo] [fe80::1%25eth0] [fec0::1] [fc00::1] [fd00:ec2::254] [fd20:ce::254] [ff02::1]
[2001:db8::1] [3fff::1] [100::1] [4000::1] [2001:2::1] [::ffff:8.8.8.8] [64:ff9b::8.8.8.8]
"""
_TEXTS = (
    # Where a parser takes the harmless half for the host, that is an address of nobody: no test goes outside.
    # user names and passwords, and hosts hidden behind what looks like them
    *("https://user@192.0.2.7/", "https://user:password@192.0.2.7/", "https://@192.0.2.7/"),
    *("https://:@192.0.2.7/", "https://192.0.2.7@127.0.0.1/", "https://192.0.2.7:80@127.0.0.1/"),
    *("https://127.0.0.1#@192.0.2.7/", "https://192.0.2.7#@127.0.0.1/"),
    *("https://127.0.0.1?@192.0.2.7/", "https://127.0.0.1\\@192.0.2.7/", "https://192.0.2.7%40127.0.0.1/"),
    # schemes
    *("http://93.184.215.14/", "file:///etc/passwd", "file://127.0.0.1/etc/passwd"),
    "gopher://127.0.0.1:6379/_x",
    *("unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/info", "ftp://127.0.0.1/"),
    *("dict://127.0.0.1:11211/stat", "ldap://127.0.0.1/", "tftp://127.0.0.1/", "jar:http://127.0.0.1!/"),
    *("data:text/plain,hello", "javascript:alert(1)", "ws://127.0.0.1/", "netdoc:///etc/passwd"),
    "HTTP://127.0.0.1",
    *("//127.0.0.1/", "127.0.0.1", "127.0.0.1:80", "https:/127.0.0.1/", "https:127.0.0.1"),
    *("https:///127.0.0.1", ""),
    # characters that parsers read differently
    *("https://127.0.0.1\r\nHost: x/", "https://127.0.0.1/\r\nX: y", "https://loop\nback.test/"),
    "https://\t127.0.0.1/",
    *(" https://127.0.0.1/", "https://127.0.0.1 /", "https://127.0.0.1\x00.test/"),
    "https://127.0.0.1%00.test/",
    *("https://127.0.0.1%2f.test/", "https://%31%32%37.0.0.1/", "https://%6cocalhost/"),
    "https:\\\\127.0.0.1/",
    *("https://１２７.０.０.１/", "https://127。0。0。1/", "https://①②⑦.⓪.⓪.①/", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/"),
    *("https://löopback.test/", "https://loopback\u00ad.test/", "https://loopback\u200b.test/"),
    "https://xn--oogle-qmc.test/",
    *("https://[::1/", "https://::1/", "https://[127.0.0.1]/", "https://[::1]x/", "https://[v1.a]/"),
    "https://[]/",
    *("https://127.0.0.1:0/", "https://127.0.0.1:99999/", "https://127.0.0.1:-1/"),
    "https://127.0.0.1:80:80/",
    *("https://.127.0.0.1/", "https://../", "https://./", "https://-a.test/", "https://a..test/"),
    "https://*/",
    "https://" + "a" * 64 + ".test/",
    "https://" + "a." * 130 + "test/",
    "https://192.0.2.7/" + "a" * 2_048,
)  # fmt: skip


def urls() -> list[str]:
    hosts = [*_IPV4.split(), *_OTHER_IPV4.split(), *_IPV6.split(), *NAMES]
    return list(dict.fromkeys([*(f"https://{host}/v1" for host in hosts), *_TEXTS]))


async def resolve(host: str, port: int) -> Sequence[str]:
    """As the system's resolver reads numbers in any notation, but asking no name server."""
    if host in NAMES:
        return NAMES[host]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(one[4][0]) for one in found]
