# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Everything about an execution that outlives this process: the journal, the cloud's copy, and processes that an earlier
agent left running."""

from __future__ import annotations

from dc.jobs.core.key import marks
from dc.jobs.core.snapshot import furthest, key_of
from dc.jobs.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.client import Host
    from dc.jobs.core.messages import Offer
    from dc.jobs.core.snapshot import Snapshot
    from dc.jobs.machine import Machine

PART = "jobs"


class Memory:
    """`boot`: the kernel's name for this boot. `journal`: what a restart needs is written there."""

    def __init__(self, host: Host, machine: Machine) -> None:
        self._log = host.log
        self._thing = host.config.thing_name
        self._grace = host.config.jobs_stop_grace
        self._machine = machine
        self.journal = Journal(host.config.state_dir, self._thing, machine.disk, host.log)
        self.boot = machine.boot_id()

    def recall(self) -> Snapshot:
        """What an earlier process has not finished; {}: nothing. First ends what it left running, which blocks."""
        snapshot = self.journal.load()
        key = key_of(snapshot)
        if key is not None and snapshot.get("running") and self.is_of_this_boot(snapshot):
            self.end_strays(key[0], key[1])
        return snapshot

    def is_of_this_boot(self, snapshot: Snapshot) -> bool:
        """Whether `snapshot` was made since the board was started. Where the kernel does not name its boots, it was."""
        return snapshot.get("boot") == self.boot

    def last_known(self, offer: Offer, snapshot: Snapshot, kept: bool) -> Snapshot:
        """What was done of the offered execution before a restart: `snapshot`, which the journal holds of it; or the
        cloud's copy, if that is further on and the journal was lost, can't be written now (`kept`), or could not be
        written when the copy was made."""
        from dc.jobs.core.details import JOURNAL, RESUME  # an idle agent does without that module

        if kept and not self.journal.blank and JOURNAL not in offer.details:
            return snapshot
        known = furthest(snapshot, offer.details[RESUME])
        if known is not snapshot:  # recall did not know of it
            self.end_strays(offer.job_id, offer.number)
        return known

    def end_strays(self, job_id: str, number: int) -> None:
        """A handler whose agent was killed lives on: it must be gone before its step is started again. Blocks."""
        if self._machine.end_strays(marks(self._thing, job_id, number), self._grace):
            self._log.warn(PART, f"job {job_id} #{number}: ended processes that an earlier agent had left running")
