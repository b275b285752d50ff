# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that is used of MiniStack's insides, and the one way to replace a piece of it.

MiniStack promises none of these names to anybody. They stand here, once, so that a new release that renames one is
seen at the start and not in the middle of a request.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

MODULE = "ministack.services.iot"

# What `overlay` and `faults` call or read: of the module, and of the objects it hands out.
USED = (
    "PKT_PUBACK",
    "PKT_PUBLISH",
    "_MtlsAcceptor",
    "_Subscription.client_id",
    "_Subscription.subscription_id",
    "_WSSession",
    "_WSSession._client_id",
    "_WSSession._send",
    "_WSSession.cleanup",
    "_WSSession.disconnect_reason",
    "_connected_clients",
    "_job_executions",
    "_jobs",
    "_jobs_apply_timeout",
    "_jobs_job_document_object",
    "_jobs_mqtt_execution",
    "_jobs_mqtt_json",
    "_jobs_now_ms",
    "_jobs_queue_execution",
    "_jobs_rejected",
    "_jobs_with_history",
    "_persistent_sessions",
    "_scoped_topic",
    "_subscriptions",
    "broker_publish",
    "broker_unsubscribe",
    "error_response_json",
    "jobs_first_pending_job_id",
    "jobs_notify_thing",
    "jobs_pending_for_thing",
    "jobs_start_next_execution",
    "publishing_events",
    "request_scope",
)

# What is replaced, by what, from the inside out. A fault is outermost: a request that is to be late comes late to the
# overlay as well, which looks at the queue before and after it.
STACK = {
    "_MtlsAcceptor.connection_made": ("overlay.still_paused",),
    "_WSSession._policy_allows": ("faults.allows",),
    "_WSSession.deliver_to_client": ("faults.deliver",),
    "_WSSession.handle_packet": ("faults.packet",),
    "_WSSession.send_bytes": ("faults.send",),
    "_deregister_client": ("faults.deregister",),
    "_handle_jobs_publish": ("overlay.new_front", "faults.request"),
    "_jobs_apply_timeout": ("overlay.remember",),
    "_jobs_maybe_complete": ("overlay.queue_retry",),
    "_jobs_status_details_error": ("overlay.checked",),
    "_jobs_timeout_minutes": ("overlay.limit",),
    "_register_client": ("faults.register",),
    "broker_publish": ("faults.publish",),
    "broker_subscribe": ("overlay.replace_same_filter",),
    "jobs_notify_thing": ("overlay.retry_is_news",),
    "jobs_pending_for_thing": ("overlay.running_first",),
    "jobs_start_next_execution": ("overlay.first_timer",),
    "jobs_update_execution": ("overlay.step_timer",),
}

# What was replaced in this process, as in STACK.
replaced: dict[str, tuple[str, ...]] = {}


def load() -> Any:
    """Import MiniStack's IoT. It reads its environment now, so that must be set.

    Raises RuntimeError with every name of the above that it does not have.
    """
    iot = importlib.import_module(MODULE)
    gone = missing(iot)
    if gone:
        raise RuntimeError(
            f"the installed ministack has no {', '.join(gone)}: install the one that requirements/dev.txt pins, "
            "or let localcloud/overlay.py and faults.py follow"
        )
    return iot


def missing(iot: Any) -> list[str]:
    """Which of the names `iot` does not have."""
    return sorted(name for name in {*USED, *STACK} if not _has(iot, name))


def _has(iot: Any, name: str) -> bool:
    owner, _, attribute = name.rpartition(".")
    if not owner:
        return hasattr(iot, name)
    kind = getattr(iot, owner, None)
    # An attribute that only instances have is named in the code that makes them.
    made_by = getattr(getattr(kind, "__init__", None), "__code__", None)
    return hasattr(kind, attribute) or attribute in getattr(made_by, "co_names", ())


def replaces(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the replacement of `owner.name`, `owner` being the module or a class of it; it receives what was there
    before as its first argument.

    Raises RuntimeError when that is not its turn in STACK.
    """
    original = getattr(owner, name)
    key = name if owner.__name__ == MODULE else f"{owner.__name__}.{name}"

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        there = (*replaced.get(key, ()), f"{function.__module__.rpartition('.')[2]}.{function.__name__}")
        wanted = STACK.get(key, ())
        if there != wanted[: len(there)]:
            raise RuntimeError(f"{key} is replaced by {there}, wanted {wanted}, in this order: localcloud/ministack.py")
        replaced[key] = there
        setattr(owner, name, replacement)
        return function

    return put
