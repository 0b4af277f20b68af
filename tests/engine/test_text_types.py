"""inet, cidr, macaddr and point, against PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest
from oracle import Oracle

from duckgres_tx.engine.text_types import canonical

GOOD = {
    "inet": (
        *("192.168.0.1", "10.0.0.0/8", "10.1/16", "10/8", "255.255.255.255/32", "0.0.0.0/0", "1.2.3.4/24", "001.2.3.4"),
        *("::1", "::", "::/0", "2001:DB8:0:0:0:0:0:1", "2001:db8::/32", "::ffff:1.2.3.4", "::1.2.3.4", "fe80::1/64"),
    ),
    "cidr": (
        *("192.168.0.0/28", "10", "10.1", "10.1.2", "10.1.2.3", "128.1", "192.168", "224", "240", "172.16/12", "0/0"),
        *("::1", "2001:db8::/32", "::/0", "192.168.1/24"),
    ),
    "macaddr": (
        *("08:00:2b:01:02:03", "08-00-2b-01-02-03", "08002b:010203", "08002b-010203", "0800.2b01.0203", "08002b010203"),
        *("0800-2b01-0203", "8:0:2B:1:2:3"),
    ),
    "point": (
        "(2.3,1)",
        "1,2",
        " ( 1 , 2 ) ",
        "(-0.1,1e300)",
        "(Infinity,-Infinity)",
        "(1e-7,123456789012345678)",
        "(0,-0)",
    ),
}
BAD = {
    "inet": (
        "",
        "x",
        "1.2.3",
        "256.1.1.1",
        "1.2.3.4/33",
        "1.2.3.4/",
        "1.2.3.4/x",
        "1.2.3.4.5",
        "10.1/24",
        "::g",
        "::/129",
        "1..2.3",
    ),
    "cidr": ("192.168.0.1/24", "2001:db8::1/32", "x", "1.2.3.4/8", "1.2.3.4.5", "::1/0"),
    "macaddr": ("", "x", "08:00:2b:01:02", "08:00:2b:01:02:03:04", "100:0:0:0:0:0", "08002b:010203x"),
    "point": ("", "(1,2", "1", "(1,2)x", "1,2)", "(,)", "(a,b)"),
}


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in GOOD.items() for text in texts])
def test_texts_become_what_postgresql_writes(oracle: Oracle, name: str, text: str) -> None:
    """In both formats, and back from the binary one."""
    sql = f"select '{text}'::{name}"

    assert canonical(name, text) == ((oracle.value(sql) or b"").decode(), oracle.value(sql, [], 1))


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_what_postgresql_refuses_is_refused(oracle: Oracle, name: str, text: str) -> None:
    """In its words."""
    with pytest.raises(psycopg.Error) as expected:
        oracle.value(f"select '{text}'::{name}")
    with pytest.raises(ValueError, match="invalid") as caught:
        canonical(name, text)
    assert str(caught.value) in str(expected.value)
