"""`import minigan` loads NumPy and nothing else, and touches nothing."""

import json
import subprocess
import sys

import pytest

import minigan as mg

HEAVY = ["cupy", "torch", "scipy", "matplotlib", "PIL", "tqdm", "safetensors", "argparse", "tomli_w", "threadpoolctl"]
WATCH = """
import json, os, sys
import numpy

loaded, environment = set(sys.modules), dict(os.environ)
threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
written = []

def note_writes(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written.append(str(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.putenv", "os.unsetenv", "subprocess.Popen"):
        written.append(event)

sys.addaudithook(note_writes)
{statement}
after = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
print(json.dumps({{
    "loaded": sorted(set(sys.modules) - loaded),
    "environment": dict(os.environ) == environment,
    "threads": after - threads,
    "written": list(written),
}}))
"""


def test_a_folder_of_the_same_name_where_python_is_started_hides_nothing(tmp_path):
    """Such as a clone: a folder without __init__.py is a namespace package, which an installed one has to go before."""
    (tmp_path / "minigan").mkdir()
    (tmp_path / "program.py").write_text("import minigan; print(minigan.__file__)")
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{mg.__file__}\n", done.stderr


def watch(statement):
    """What a fresh interpreter, with NumPy already there, says of this statement."""
    code = WATCH.format(statement=statement)
    command = [sys.executable, "-B", "-W", "error", "-c", code]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def seen():
    return watch("import minigan")


def test_nothing_is_imported_but_numpy_and_the_standard_library(seen):
    assert "minigan.tensor" in seen["loaded"]
    others = {name.partition(".")[0] for name in seen["loaded"]} - {"minigan", "numpy"}
    assert others - sys.stdlib_module_names == set()


@pytest.mark.parametrize("name", HEAVY)
def test_what_is_used_later_is_loaded_later(seen, name):
    assert name not in seen["loaded"]


def test_data_and_gan_and_the_command_line_are_loaded_when_first_used(seen):
    early = [name for name in seen["loaded"] if name.startswith(("minigan.data", "minigan.gan", "minigan.cli"))]
    assert early == []
    loaded = watch("import minigan; minigan.gan; minigan.data")["loaded"]
    assert {"minigan.gan", "minigan.data"} <= set(loaded)


def test_a_watched_change_would_be_seen(tmp_path):
    seen = watch(f"import threading, time, os; os.environ['X_'] = '1'; open({str(tmp_path / 'x')!r}, 'w').close(); "
                 "threading.Thread(target=time.sleep, args=(1,), daemon=True).start()")  # fmt: skip
    assert not seen["environment"]
    assert seen["written"] == ["os.putenv", str(tmp_path / "x")]
    assert seen["threads"] in (0, 1)  # 0 where there is no /proc


def test_no_environment_variable_is_changed_no_thread_started_and_no_file_written(seen):
    assert seen["environment"]
    assert seen["threads"] == 0
    assert seen["written"] == []


def test_import_star_brings_the_public_names_and_no_others():
    names = {}
    exec("from minigan import *", names)
    assert set(names) - {"__builtins__"} == set(mg.__all__)


@pytest.mark.parametrize("module", [mg, mg.nn, mg.nn.functional, mg.optim, mg.data, mg.gan], ids=lambda m: m.__name__)
def test_every_public_name_exists_once_and_in_order(module):
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__) > 0


def test_every_public_object_says_what_it_is():
    objects = [getattr(mg, name) for name in mg.__all__]
    undocumented = [x for x in objects if callable(x) and not (x.__doc__ or "").strip()]
    assert undocumented == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'minigan' has no attribute 'tensro'"):
        _ = mg.tensro


def test_no_module_takes_the_name_of_a_function():
    program = "; ".join([
        "import minigan as mg, importlib, pkgutil",
        "names = [m.name for m in pkgutil.walk_packages(mg.__path__, 'minigan.') if not m.name.endswith('__main__')]",
        "[importlib.import_module(name) for name in names]",
        "assert not isinstance(mg.tensor, type(mg)) and not isinstance(mg.gradcheck, type(mg))",
    ])  # fmt: skip
    subprocess.run([sys.executable, "-c", program], check=True)
