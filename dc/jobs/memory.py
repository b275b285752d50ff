# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Everything about an execution that outlives this process: the journal, the cloud's copy, and processes that an earlier
agent left running."""

from __future__ import annotations

from dc.jobs.core.key import marks
from dc.jobs.core.snapshot import further, key_of
from dc.jobs.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.client import Client
    from dc.jobs.core.messages import Offer
    from dc.jobs.core.snapshot import Snapshot
    from dc.jobs.machine import Machine

PART = "jobs"


class Memory:
    """`boot`: the kernel's name for this boot. `journal`: what a restart needs is written there."""

    def __init__(self, client: Client, machine: Machine) -> None:
        self._log = client.log
        self._thing = client.config.thing_name
        self._grace = client.config.jobs_stop_grace
        self._machine = machine
        self.journal = Journal(client.config.state_dir, machine.disk, client.log)
        self.boot = machine.boot_id()

    def recall(self) -> Snapshot:
        """What an earlier process has not finished; {}: nothing. First ends what it left running, which blocks."""
        snapshot = self.journal.load()
        key = key_of(snapshot)
        if key is not None and snapshot.get("running") and self.is_of_this_boot(snapshot):
            self.end_strays(key[0], key[1])
        return snapshot

    def is_of_this_boot(self, snapshot: Snapshot) -> bool:
        """Whether `snapshot` was made since the board was started. Where the kernel can't tell, it was."""
        return snapshot.get("boot") == self.boot

    def begin(self, offer: Offer, snapshot: Snapshot) -> Snapshot:
        """What was begun of the offered execution before a restart: `snapshot`, which the journal held of it; or what
        the cloud was told, if that is further on and the journal was lost, or can't be written, or could not then."""
        from dc.jobs.core.details import JOURNAL, RESUME  # an idle agent does without that module

        doubtful = self.journal.blank or JOURNAL in offer.details
        kept = self.journal.write(snapshot, sync=False)  # a journal that can't be written shows now
        told = offer.details.get(RESUME)
        if not told or (kept and not doubtful):
            return snapshot
        known = further(snapshot, told)
        if known is not snapshot:  # recall did not know of it
            self.end_strays(offer.job_id, offer.number)
        return known

    def end_strays(self, job_id: str, number: int) -> None:
        """A handler whose agent was killed lives on: it must be gone before its step is started again. Blocks."""
        if self._machine.end_strays(marks(self._thing, job_id, number), self._grace):
            self._log.warn(PART, f"job {job_id} #{number}: ended processes that an earlier agent had left running")
