"""A harmful answer, in a real kernel: a verdict in time, a kernel that lives, and nothing left.

The kernel's own loop only looks on, so ■ works at once, and so does the next cell.
"""

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.manager import start_new_kernel

LIMIT = 12.0  # seconds for a verdict
AT_ONCE = 1.0  # seconds for a cell that is interrupted to end
MEMORY = 300 << 20  # bytes that the kernel may grow by
START = 60.0  # seconds for a kernel on a busy machine
FIRST_CELL = """
import asyncio, builtins, gc, logging, os, queue, re, sys, threading, time
from chatkit.lessons import check
from tornado.websocket import WebSocketHandler
known = threading.enumerate()
NAMES = r'answer|end|Thread-.*\\(|ThreadPoolExecutor-'
"""
STATE = """(
    type(sys.stdout).__name__, os._exit.__name__, threading.Thread.start.__qualname__,
    logging.root.manager.disable, len(logging.root.handlers), logging.root.level, gc.isenabled(),
)"""
SAY_HELLO = "# Exercise 00-1\nasync def say_hello(client):\n"
SHOUT = "# Exercise 01-1\nclass Shout(WebSocketHandler):\n    def on_message(self, text):\n"


class Kernel:
    """A kernel, and what the frontend of a notebook sees of it."""

    state: str  # what an answer must not have changed

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client
        self.process = psutil.Process(manager.provisioner.pid)

    def run(self, code: str, seconds: float = START) -> tuple[str, str]:
        """Run a cell; return its result as text, and everything else that appeared in it."""
        result, others = [], []

        def keep(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "execute_result":
                result.append(content["data"]["text/plain"])
            elif message["msg_type"] != "status" and message["msg_type"] != "execute_input":
                others.append(content.get("text") or "\n".join(content.get("traceback", [])))

        self.client.execute_interactive(code, output_hook=keep, timeout=seconds, allow_stdin=False)
        return "".join(result), "".join(others)

    def check(self, answer: str) -> str:
        """Run an answer's cell, then its check; return the verdict."""
        assert self.run(answer) == ("", "")
        name = answer.split("\n")[0].removeprefix("# Exercise ")
        given = "Shout" if name == "01-1" else "say_hello"
        begun = time.monotonic()
        verdict, others = self.run(f'await check("{name}", {given})')
        assert time.monotonic() - begun < LIMIT
        assert others == ""
        assert "Traceback" not in verdict
        return verdict

    def threads(self) -> str:
        """The threads that answers have left; the kernel starts some of its own at times."""
        new = "for t in threading.enumerate() if t not in known and re.match(NAMES, t.name)"
        return self.run(f"[t.name {new}]")[0]


def indented(code: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in code.splitlines())


@pytest.fixture(scope="module")
def new_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts kernels, and shuts each down at the end."""
    made = []

    def start() -> Kernel:
        folder = tmp_path_factory.mktemp("lessons")
        manager, client = start_new_kernel(
            startup_timeout=START, cwd=str(folder), extra_arguments=["--log-level=ERROR"]
        )
        made.append((manager, client))
        kernel = Kernel(manager, client)
        assert kernel.run(FIRST_CELL) == ("", "")
        kernel.state = kernel.run(STATE)[0]
        return kernel

    yield start
    for manager, client in made:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(new_kernel: Any) -> Kernel:
    return new_kernel()


@pytest.fixture(scope="module")
def doomed(new_kernel: Any) -> Kernel:
    """A kernel in which abandoned answers go on."""
    return new_kernel()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        pytest.param("while True:\n    pass", "still ran after 3 seconds in line 3", id="loop"),
        pytest.param(
            "await client.send('hello')\nwhile True:\n    await client.send('x')",
            "MB of memory|did not come to an end|1000 messages wait to be confirmed",
            id="sends without end",
        ),
        pytest.param("queue.Queue().get()", "held up everything else", id="queue"),
        pytest.param("threading.Event().wait()", "held up everything else", id="event"),
        pytest.param(
            "import socket\nwith socket.create_server(('127.0.0.1', 0)) as server:\n"
            "    socket.create_connection(server.getsockname()).recv(1)",
            "held up everything else",
            id="recv",
        ),
        pytest.param("input('name?')", "`input` asks the keyboard", id="input"),
        pytest.param("builtins.input('name?')", "`input` asks the keyboard", id="builtins.input"),
        pytest.param("def deeper(): deeper()\ndeeper()", "RecursionError", id="recursion"),
        pytest.param(
            "many = []\nwhile True:\n    many.append('x' * 1000)",
            "more than 200 MB of memory",
            id="a growing list",
        ),
        pytest.param("exit()", "SystemExit", id="exit"),
        pytest.param("quit()", "SystemExit", id="quit"),
        pytest.param("os._exit(1)", "SystemExit", id="os._exit"),
        pytest.param("import sys\nsys.exit(1)", "SystemExit", id="sys.exit"),
        pytest.param(
            "def work():\n    while True:\n        pass\nthreading.Thread(target=work).start()",
            "Expected ",
            id="a thread",
        ),
        pytest.param(
            "while True:\n    try:\n        await asyncio.sleep(0.01)\n    except:\n        pass",
            "did not come to an end|to end once its message was sent",
            id="a bare except around an await",
        ),
        pytest.param(
            "class Odd(Exception):\n    def __str__(self):\n        while True:\n            pass\n"
            "raise Odd",
            "still ran after 3 seconds",
            id="an error whose words never end",
        ),
        pytest.param(
            "class Odd(Exception):\n    def __str__(self):\n        print('x')\n        1 / 0\n"
            "raise Odd",
            "its __str__ raised ZeroDivisionError",
            id="an error whose words raise",
        ),
        pytest.param("raise ValueError('x' * 10_000_000)", "x{300} …", id="long words"),
        pytest.param(
            "def again():\n    time.sleep(0.01)\n    threading.Thread(target=again).start()\n"
            "again()",
            "Expected",
            id="threads that start threads",
        ),
        pytest.param(
            "def work():\n    while True:\n        time.sleep(0.01)\n"
            "for _ in range(3000):\n    threading.Thread(target=work).start()",
            "an answer may have 100 threads",
            id="many threads",
        ),
        pytest.param(
            "import subprocess, sys\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
            "Expected",
            id="a process",
        ),
        pytest.param(
            "import contextlib, io\nstack = contextlib.ExitStack()\n"
            "stack.enter_context(contextlib.redirect_stdout(io.StringIO()))\n"
            "client.stack = stack\nprint('lost')",
            "Expected",
            id="another stdout",
        ),
        pytest.param(
            "import logging\nlogging.disable(logging.CRITICAL)\n"
            "logging.basicConfig(level='DEBUG')\nlogging.error('here')",
            "Expected",
            id="other logging",
        ),
        pytest.param("import sys\nsys.displayhook('shown')", "Expected", id="displayhook"),
        pytest.param(
            "for number in range(100_000):\n    print(number)",
            "Your code printed: 0\n1\n2",
            id="prints",
        ),
        pytest.param(
            "while True:\n    print('x')\n    await asyncio.sleep(0)",
            "Your code printed: x",
            id="prints without end",
        ),
        pytest.param(
            "from IPython.display import display\ndisplay('shown')", "Expected ", id="display"
        ),
        pytest.param("raise KeyboardInterrupt", "KeyboardInterrupt", id="KeyboardInterrupt"),
    ],
)
def test_a_harmful_answer_gets_its_verdict_and_leaves_nothing(kernel: Kernel, code: str, told: str):
    before = kernel.process.memory_info().rss
    verdict = kernel.check(SAY_HELLO + indented(code, 4))
    assert re.search(told, verdict), verdict
    assert verdict.startswith("✗ 00-1: ")
    assert kernel.process.memory_info().rss - before < MEMORY
    assert kernel.threads() == "[]"
    assert kernel.process.children(recursive=True) == []
    assert kernel.run("1 + 1") == ("2", "")
    assert kernel.run("print('seen')") == ("", "seen\n")
    assert kernel.run(STATE) == (kernel.state, "")


def test_a_handler_that_writes_without_end_is_stopped(kernel: Kernel):
    before = kernel.process.memory_info().rss
    verdict = kernel.check(SHOUT + indented("while True:\n    self.write_message('x')", 8))
    assert "MB of memory" in verdict or "held up everything else" in verdict
    assert kernel.process.memory_info().rss - before < MEMORY
    assert kernel.threads() == "[]"


def test_a_right_answer_after_all_that(kernel: Kernel):
    verdict = kernel.check(SAY_HELLO + "    await client.send('hello')\n")
    assert verdict.startswith("✓ 00-1: ")


def test_a_trial_is_forgotten(kernel: Kernel):
    kernel.run("from chatkit.lessons.engine.trial import Trial")
    count = "gc.collect()\nlen([each for each in gc.get_objects() if type(each) is Trial])"
    raising = SAY_HELLO + indented("data = b'x' * (50 << 20)\nraise ValueError", 4)
    before = kernel.run(count)
    for _ in range(3):
        kernel.check(raising)
    assert kernel.run(count) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_answer_may_fork(kernel: Kernel):
    code = (
        "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=abs, "
        "args=(1,))\nchild.start()\nchild.join()\nawait client.send('hello')"
    )
    assert kernel.check(SAY_HELLO + indented(code, 4)).startswith("✓ 00-1: ")


def test_a_busy_kernel_is_not_the_answer_s_fault(kernel: Kernel):
    kernel.run(SAY_HELLO + "    await asyncio.sleep(0.5)\n    await client.send('hello')\n")
    busy = "asyncio.get_running_loop().call_later(0.2, time.sleep, 4)"
    verdict, _ = kernel.run(f'{busy}\nawait check("00-1", say_hello)')
    assert verdict.startswith("✓ 00-1: ")


RIGHT = SAY_HELLO + "    await client.send('hello')\n"
CHECK = 'await check("00-1", say_hello)'


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([RIGHT, SAY_HELLO + "    await client.send('hello'", CHECK], "ended with SyntaxError in"),
        ([RIGHT, "1 / 0\n" + RIGHT, CHECK], "ended with ZeroDivisionError: division by zero"),
        ([RIGHT, "\n" + SAY_HELLO + "await client", CHECK], "ended with IndentationError in"),
        ([RIGHT, "# Exercise 00-1\nasync def say_helo(client): ...", CHECK], "does not define"),
        ([RIGHT, RIGHT + "1 / 0", CHECK], "✓ 00-1: "),
        ([SAY_HELLO + "    pass", RIGHT + CHECK], "✓ 00-1: "),
        ([RIGHT + "1 / 0\n" + CHECK, CHECK], "✓ 00-1: "),
        ([SAY_HELLO + "    1 +", "%%time\n" + RIGHT, CHECK], "✓ 00-1: "),
        ([SAY_HELLO + "    1 +", "import os\n" + RIGHT, CHECK], "✓ 00-1: "),
    ],
)
def test_the_answer_that_is_judged_is_the_one_in_the_cell(
    kernel: Kernel, cells: list[str], told: str
):
    kernel.run("get_ipython().user_ns.pop('say_hello', None)")
    *before, last = cells
    for cell in before:
        kernel.run(cell)
    assert told in kernel.run(last)[0]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("time.sleep(60)", id="sleep"),
        pytest.param("lock = threading.Lock()\nlock.acquire()\nlock.acquire()", id="lock"),
        pytest.param(
            "while True:\n    try:\n        while True:\n            print('x')\n"
            "    except:\n        pass",
            id="a bare except around a loop",
        ),
    ],
)
def test_what_can_t_be_stopped_is_abandoned_and_the_verdict_says_so(doomed: Kernel, code: str):
    verdict = doomed.check(SAY_HELLO + indented(code, 4))
    assert re.search("It still runs, and nothing can stop it.*: restart the kernel", verdict)
    assert doomed.run("1 + 1") == ("2", "")
    right = doomed.check(SAY_HELLO + "    await client.send('hello')\n")
    assert right.startswith("✓ 00-1: ")


@pytest.mark.parametrize("code", ["while True: pass", "await asyncio.sleep(60)"])
def test_a_check_can_be_interrupted_at_once(kernel: Kernel, code: str):
    assert kernel.run(SAY_HELLO + indented(code, 4)) == ("", "")
    sent = kernel.client.execute('print("begun")\nawait check("00-1", say_hello)')
    while kernel.client.get_iopub_msg(timeout=START)["content"].get("text") != "begun\n":
        pass
    kernel.manager.interrupt_kernel()
    begun = time.monotonic()
    reply = kernel.client.get_shell_msg(timeout=START)
    while reply["parent_header"]["msg_id"] != sent:
        reply = kernel.client.get_shell_msg(timeout=START)
    assert time.monotonic() - begun < AT_ONCE
    assert reply["content"]["status"] == "error"
    kernel.run("await asyncio.sleep(3)")
    assert kernel.threads() == "[]"


def test_a_kernel_that_logs_nothing_changes_no_verdict(kernel: Kernel):
    kernel.run("import logging\nlogging.disable(logging.ERROR)")
    verdict = kernel.check(SHOUT + indented("self.write_message(text.uper())", 8))
    kernel.run("logging.disable(logging.NOTSET)")
    assert "AttributeError in line" in verdict
    assert "Did you mean `upper`?" in verdict


def test_what_is_bound_to_the_kernel_s_loop_is_told(kernel: Kernel):
    kernel.run(
        "box = asyncio.Queue()\n"
        "waiting = asyncio.ensure_future(box.get())\nawait asyncio.sleep(0)\nwaiting.cancel()"
    )
    verdict = kernel.check(SAY_HELLO + "    await box.get()\n")
    assert "different event loop" in verdict
    assert "`check` runs your answer on a new loop of its own" in verdict
