"""What one control plane tells the next, beyond what the workers say: `Handover`."""

from __future__ import annotations

import json
from typing import Any, Self

import attrs
import cattrs
from attrs import Factory, frozen

from duckgres_tx.admission import Grudge


@frozen(kw_only=True)
class Counters:
    """What is counted for as long as there is a server, whichever process it is.

    Attributes:
        accepted: Connections.
        takeovers: Control planes that have followed another one.
    """

    accepted: int = 0
    takeovers: int = 0


@frozen(kw_only=True)
class Handover:
    """Plain values, as JSON. Another release may know more or less: everything has a default, and what is unknown is left out.

    Attributes:
        pid: Who writes it.
        grudges: What is held against addresses.
        counters: So far.
        legacy: What is known of the workers, see `pool.legacy.Legacy`.
    """

    pid: int = 0
    grudges: tuple[Grudge, ...] = ()
    counters: Counters = Factory(Counters)
    legacy: dict[str, Any] = Factory(dict)

    def encode(self) -> bytes:
        """As it is written into the memory file."""
        return json.dumps(attrs.asdict(self)).encode()

    @classmethod
    def decode(cls, document: bytes) -> Self:
        """The reverse of `encode`.

        Raises:
            ValueError: It is no such document.
        """
        parsed: Any = json.loads(document)
        if not isinstance(parsed, dict):
            raise ValueError("not a handover: no object")  # noqa: TRY004  it is what came that is wrong
        try:
            return cattrs.structure(parsed, cls)
        except (cattrs.BaseValidationError, TypeError, AttributeError) as error:
            raise ValueError(f"not a handover: {error}") from error
