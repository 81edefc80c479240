"""What is wrong with a run? The doctor on runs that are ill on purpose, or on one of yours.

python examples/lab_doctor.py                 ten short runs, about 30 seconds
python examples/lab_doctor.py runs/default    a run of yours
python examples/lab_doctor.py --quick         one run of a few steps, in a temporary folder
"""

import sys
import tempfile
from pathlib import Path

from minigan import lab
from minigan.cli import main

runs = [word for word in sys.argv[1:] if not word.startswith("--")]
with tempfile.TemporaryDirectory() as place:
    if "--quick" in sys.argv:
        runs = [str(Path(place) / "ring")]
        main(["train", "ring", "--steps", "100", "--out", runs[0]])
    data = lab.doctor(*runs[:1])

for patient in data.patients:
    print(f"{patient.name}: {patient.in_words}")
    for note in patient.notes:
        print(f"    {note}")
    for finding in patient.findings:
        numbers = ", ".join(f"{evidence.name} {evidence.value:.3g}" for evidence in finding.evidence)
        print(f"    {finding.name} ({finding.verdict}): {numbers}")
        if finding.verdict == "ill":
            print(f"        {finding.says} {finding.change} See minigan lab {finding.look}.")
