"""Other processes and other threads."""

import os
import subprocess
import sys

from flask import Blueprint, jsonify

bp = Blueprint("process", __name__, url_prefix="/process")


def square(n):
    return n * n


@bp.get("/shell")
def shell():
    """What a shell and the system's own tools make of a text."""
    out = subprocess.run(
        "printf 'tea\\nmilk\\ntea\\n' | sort | uniq -c | sort -rn | head -n 1 | tr -s ' ' | cut -d ' ' -f 2-",
        shell=True, capture_output=True, text=True, check=True,
    )
    return jsonify(most=out.stdout.strip())


@bp.get("/tools")
def tools():
    """Tools that are named in the source, each run by its name."""
    said = {}
    for command in (["date", "-u", "-d", "@0", "+%Y"], ["wc", "-c"], ["sha256sum"], ["basename", "/a/b.txt", ".txt"], ["sed", "s/e/3/g"], ["grep", "-c", "tea"]):
        said[command[0]] = subprocess.run(command, input="tea\n", capture_output=True, text=True, check=True).stdout.split()[0]
    return jsonify(said)


@bp.get("/python")
def python():
    code = "import sys, json; print(json.dumps([sys.flags.isolated, sum(map(int, sys.argv[1:]))]))"
    out = subprocess.run([sys.executable, "-I", "-c", code, "3", "4"], capture_output=True, text=True, check=True)
    return jsonify(said=out.stdout.strip())


@bp.get("/pools")
def pools():
    import multiprocessing

    found = {}
    for method in ("fork", "spawn", "forkserver"):
        pool = multiprocessing.get_context(method).Pool(2)
        found[method] = pool.map(square, range(4))
        pool.close()  # to end it as `with` does, by terminate, can wait for ever on a busy machine
        pool.join()
    return jsonify(found)


def read(name, queue):
    from multiprocessing import shared_memory

    memory = shared_memory.SharedMemory(name)
    queue.put(bytes(memory.buf[:3]).decode())
    memory.close()


@bp.get("/shared")
def shared():
    """Memory and a queue that two processes share; both need /dev/shm."""
    import multiprocessing
    from multiprocessing import shared_memory

    memory = shared_memory.SharedMemory(create=True, size=16)
    try:
        memory.buf[:3] = b"tea"
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=read, args=(memory.name, queue))
        child.start()
        said = queue.get(timeout=5)
        child.join(5)
    finally:
        memory.close()
        memory.unlink()
    return jsonify(said=said, code=child.exitcode)


@bp.get("/threads")
def threads():
    import threading
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        quick = sum(pool.map(square, range(10)))
    with ProcessPoolExecutor(2) as pool:
        slow = sum(pool.map(square, range(10)))
    local, seen = threading.local(), []
    local.x = 1
    worker = threading.Thread(target=lambda: seen.append(hasattr(local, "x")))
    worker.start()
    worker.join()
    return jsonify(quick=quick, slow=slow, seen=seen)


@bp.get("/asyncio")
def tasks():
    import asyncio

    async def tea(minutes):
        await asyncio.sleep(minutes / 1000)
        return minutes

    async def all_of_it():
        child = await asyncio.create_subprocess_exec("echo", "ready", stdout=asyncio.subprocess.PIPE)
        said, _ = await child.communicate()
        return await asyncio.gather(tea(3), tea(1)), said.decode().strip()

    brewed, said = asyncio.run(all_of_it())
    return jsonify(brewed=brewed, said=said)


@bp.get("/stop")
def stop():
    """Starts this program once more, asks it to end as `docker stop` does, and shows its last words."""
    second = subprocess.Popen([sys.executable, "-m", "surface", "5001"], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    first = second.stdout.readline().strip()
    second.terminate()
    rest, _ = second.communicate(timeout=10)
    return jsonify(first=first, last=rest.splitlines()[-1], code=second.returncode)
