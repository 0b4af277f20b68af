"""What a worker has, told to the control plane that takes charge of it: `Inventory`.

It can be long (a session takes about 100 bytes), so it doesn't travel in an answer but is written into a memory file that came with
`Configure`. Both ends may be of different releases: what a reader doesn't know it leaves out, what a writer didn't know has a default.
"""

from __future__ import annotations

import json
from typing import Any, Self

import cattrs
from attrs import frozen


@frozen(kw_only=True)
class InventorySession:
    """One connection that a worker serves.

    Attributes:
        backend_pid: Its pid as clients see it.
        remote_host: The client's address; "" for a UNIX socket.
        admitted: Whether it counts towards the limits on connections; neither a relayed nor a refused one does.
        user: Whose session it is; "" until it has authenticated.
        database: What it uses; "" until it is open.
    """

    backend_pid: int
    remote_host: str = ""
    admitted: bool = True
    user: str = ""
    database: str = ""


@frozen(kw_only=True)
class Inventory:
    """Everything that a control plane needs to know of a worker that it hasn't started.

    Attributes:
        pid: The process.
        slot: The worker's number.
        generation: Which rolling update it belongs to.
        epoch: That of the control plane that has just taken charge.
        release: Digest of the code that it runs, see `release`.
        draining: It takes no new sessions.
        sessions: Its connections, those in the handshake among them.
        databases: Databases that it owns: claimed, whether open or on the way to it.
    """

    pid: int
    slot: int
    generation: int
    epoch: int
    release: str
    draining: bool = False
    sessions: tuple[InventorySession, ...] = ()
    databases: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """As it is written into the memory file."""
        document: dict[str, Any] = cattrs.unstructure(self)
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, document: bytes) -> Self:
        """Read what a worker has written.

        Raises:
            ValueError: It is no inventory.
        """
        try:
            return cattrs.structure(json.loads(document), cls)
        except cattrs.BaseValidationError as error:
            raise ValueError(f"not an inventory: {' '.join(cattrs.transform_error(error))}") from error
