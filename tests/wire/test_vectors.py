"""Every message in tests/vectors/messages.txt against its bytes, both ways, whole and byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen

from duckgres_tx.errors import Severity
from duckgres_tx.wire import backend, frontend, startup
from duckgres_tx.wire.frames import FrameReader

VECTORS = Path(__file__).parent.parent / "vectors" / "messages.txt"
ROOMS = {">>": startup, ">": frontend, "<": backend}


@frozen
class Vector:
    """A message and its bytes."""

    mark: str
    text: str
    data: bytes

    @property
    def message(self):
        """What the text stands for."""
        return eval(self.text, {**vars(ROOMS[self.mark]), "Severity": Severity})


def read_vectors():
    """The file's vectors; a line that is neither comment, message nor hex is a mistake in the file."""
    vectors = []
    for line in VECTORS.read_text().splitlines():
        if line.startswith("    "):
            vectors[-1] = Vector(vectors[-1].mark, vectors[-1].text, vectors[-1].data + bytes.fromhex(line))
        elif line and not line.startswith("#"):
            mark, text = line.split(" ", 1)
            vectors.append(Vector(mark, text, b""))
    return vectors


def of(*marks):
    """Parametrize by the vectors with these marks."""
    chosen = [vector for vector in read_vectors() if vector.mark in marks]
    return pytest.mark.parametrize("vector", chosen, ids=[f"{each.mark} {each.text[:60]}" for each in chosen])


def decoded(type_byte, body, like):
    """A frame as a message; for type p the context, here the wanted class, tells which."""
    message = frontend.decode(type_byte, body)
    if isinstance(message, frontend.AuthenticationResponse):
        reader = {
            frontend.PasswordMessage: message.as_password,
            frontend.SASLInitialResponse: message.as_sasl_initial_response,
            frontend.SASLResponse: message.as_sasl_response,
        }[type(like)]
        message = reader()
    return message


@of(">>", ">", "<")
def test_a_message_encodes_to_its_bytes(vector):
    """What we say is what PostgreSQL or libpq would say."""
    assert vector.data == vector.message.encode()


@of(">")
def test_a_client_message_decodes_whole(vector):
    """A message that comes in one read is understood."""
    reader = FrameReader()
    reader.feed(vector.data)

    assert [vector.message] == [decoded(*frame, vector.message) for frame in reader]


@of(">")
def test_a_client_message_decodes_byte_by_byte(vector):
    """However the network cuts a message, it is understood, and not before it is whole."""
    reader = FrameReader()
    frames = []
    for position in range(len(vector.data)):
        assert frames == []
        reader.feed(vector.data[position : position + 1])
        frames += reader

    assert [vector.message] == [decoded(*frame, vector.message) for frame in frames]


@of(">>")
def test_a_startup_packet_decodes_whole_and_byte_by_byte(vector):
    """The packets before the first typed message likewise; what follows one is left for whoever is next."""
    whole = startup.StartupReader()
    whole.feed(vector.data + b"rest")
    assert vector.message == whole.read()
    assert whole.leftover == b"rest"

    slow = startup.StartupReader()
    for position in range(len(vector.data)):
        assert slow.read() is None
        slow.feed(vector.data[position : position + 1])
    assert vector.message == slow.read()
    assert slow.leftover == b""


def test_all_client_messages_decode_from_one_read():
    """A client that pipelines everything is understood too."""
    vectors = [each for each in read_vectors() if each.mark == ">"]
    reader = FrameReader()
    reader.feed(b"".join(each.data for each in vectors))

    messages = [decoded(*frame, vector.message) for frame, vector in zip(reader, vectors, strict=False)]

    assert [each.message for each in vectors] == messages


@pytest.mark.parametrize(
    ("room", "mark", "root"), [(frontend, ">", frontend.FrontendMessage), (backend, "<", backend.BackendMessage)]
)
def test_no_message_is_without_a_vector(room, mark, root):
    """Whoever adds a message adds its bytes."""
    classes = {each for each in vars(room).values() if isinstance(each, type) and issubclass(each, root)}
    without = {"FrontendMessage", "BackendMessage", "AuthenticationResponse"}
    expected = {each.__name__ for each in classes if not each.__name__.startswith("_")} - without

    assert expected == {each.text.split("(")[0] for each in read_vectors() if each.mark == mark}
