"""What is looked at once a second: clients that are silent for too long, transactions that last too long, clients that left or are to leave.

Spec: runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
"""

from __future__ import annotations

from duckgres_tx.errors import PgError
from duckgres_tx.session.conversation import Conversation
from duckgres_tx.session.transactions import BlockState


def watch(conversation: Conversation, now: float) -> None:
    """Look at one session.

    Args:
        conversation: The session's.
        now: Reactor time.
    """
    conversation.look_for_hang_up()
    conversation.parting.after_a_moment()
    session, since = conversation.session, conversation.idle_since
    in_block = session.block.state is not BlockState.NONE
    if since is not None:
        if in_block and 0 < session.acting.idle_in_transaction_limit_s < now - since:
            conversation.parting.terminate(
                PgError("25P03", "terminating connection due to idle-in-transaction timeout"), now=True
            )
        elif not in_block and 0 < session.acting.idle_limit_s < now - since:
            conversation.parting.terminate(
                PgError("57P05", "terminating connection due to idle-session timeout"), now=True
            )
    if in_block and conversation.transaction_since is None:
        # A batch that begins with BEGIN has had no ReadyForQuery yet.
        conversation.transaction_since = now
    began = conversation.transaction_since
    if began is not None and 0 < session.acting.transaction_limit_s < now - began:
        conversation.parting.terminate(PgError("25P04", "terminating connection due to transaction timeout"), now=True)
