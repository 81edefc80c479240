"""Reports on a GPU: kept without a wait, and read by one copy for each kind of report."""

import minigan as mg
from minigan.gan.reports import Unread, in_a_row

from .machine import machine


def test_reports_are_kept_without_a_wait_and_read_in_their_order_by_a_copy_for_each_kind(gpu, device_kind):
    names = [["loss_D", "loss_G"], ["loss_D", "loss_G", "penalty"]]
    expected = [{name: 10.0 * step + i for i, name in enumerate(names[step % 2])} for step in range(6)]
    reports = [{name: mg.tensor(x, device=gpu.device) for name, x in values.items()} for values in expected]
    unread = Unread(most=6)
    with gpu.no_sync():
        for step, report in enumerate(reports):
            unread.add(in_a_row(report) if step > 2 else report, one_array=step > 2)
            for x in report.values():
                x._data.fill(-1)
    machine.waits.clear()
    assert unread.read() == expected
    assert len(unread) == 0
    if device_kind == "double":
        assert len(machine.waits) == 2
