"""Sessions that stop one another."""

from __future__ import annotations

import pytest
import raw
from in_process import PASSWORD, in_process
from session_fakes import verifier


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A host with two users, one of them no superuser."""
    verifiers = {name: verifier(PASSWORD) for name in ("postgres", "guest")}
    with in_process(str(tmp_path_factory.mktemp("data")), verifiers=verifiers, superusers=("postgres",)) as made:
        yield made


def answers(client, text):
    """Kinds of the answers to a query, rows and errors with what they say."""
    client.send(raw.query(text))
    return client.until()


def backend_pid(client):
    """Which session it is."""
    return int(answers(client, "select pg_backend_pid()")[1][1][6:])


def last_word(client):
    """The SQLSTATE that the server has said goodbye with."""
    kind, body = client.read()
    while kind != "E":
        kind, body = client.read()
    assert raw.error_fields(body)["S"] == "FATAL"
    with pytest.raises(EOFError):
        client.read()
    return raw.error_fields(body)["C"]


def test_an_idle_session_is_ended(world):
    """Its client reads why; the other one hears that it was told so."""
    victim, client = world.session(), world.session()

    rows = answers(client, f"select pg_terminate_backend({backend_pid(victim)})")

    assert rows[1] == ("D", b"\0\1\0\0\0\1t")
    assert last_word(victim) == "57P01"


def test_a_statement_is_canceled_and_one_in_a_transaction_ended(world):
    """Whatever it does."""
    victim, client = world.session(), world.session()
    pid = backend_pid(victim)
    answers(victim, "begin")
    for function, word in (("cancel", "57014"), ("terminate", "57P01")):
        victim.send(raw.query("select pg_sleep(600)"))
        world.reactor.until(lambda: world.host.health().running, "a statement that runs")
        assert answers(client, f"select pg_{function}_backend({pid})")[1] == ("D", b"\0\1\0\0\0\1t")
        if word == "57014":
            assert raw.error_fields(dict(victim.until())["E"])["C"] == word
            answers(victim, "rollback")
        else:
            assert last_word(victim) == word


def test_a_guest_stops_its_own_sessions_only(world):
    """As in PostgreSQL, for whom a superuser's are out of reach."""
    other, own, client = world.session(), world.session("guest"), world.session("guest")

    refused = answers(client, f"select pg_terminate_backend({backend_pid(other)})")
    assert [raw.error_fields(body)["C"] for kind, body in refused if kind == "E"] == ["42501"]
    assert answers(client, f"select pg_terminate_backend({backend_pid(own)})")[1] == ("D", b"\0\1\0\0\0\1t")
    assert last_word(own) == "57P01"
    assert backend_pid(other)


def test_a_session_of_another_worker_is_told_by_the_control_plane(world):
    """Who has it."""
    client = world.session()
    world.control_plane.users_of_others = {77 << 20: "postgres"}

    assert answers(client, f"select pg_cancel_backend({77 << 20})")[1] == ("D", b"\0\1\0\0\0\1t")
    assert ("signal_elsewhere", 77 << 20, "cancel") in world.control_plane.events


def test_what_a_failed_statement_has_asked_for_is_forgotten(world):
    """The next one that asks doesn't carry it out as well."""
    client = world.session()
    pid = backend_pid(client)

    failed = answers(client, f"select pg_cancel_backend({pid}), error('no')")
    assert [raw.error_fields(body)["C"] for kind, body in failed if kind == "E"] != ["57014"]
    assert [kind for kind, _ in answers(client, "select pg_cancel_backend(5)")] == ["T", "N", "D", "C", "Z"]
