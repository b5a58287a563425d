"""The system below: users, libraries, modules, logs, files."""

import os

from flask import Blueprint, jsonify

bp = Blueprint("system", __name__, url_prefix="/system")


@bp.get("/user")
def user():
    import getpass
    import grp
    import pwd

    entry = pwd.getpwuid(os.getuid())
    return jsonify(user=entry.pw_name, home=os.path.expanduser("~"), group=grp.getgrgid(entry.pw_gid).gr_name, login=getpass.getuser())


@bp.get("/ctypes")
def libraries():
    import ctypes
    import ctypes.util

    found = {name: ctypes.util.find_library(name) for name in ("c", "m")}
    c, m = (ctypes.CDLL(found[name]) for name in ("c", "m"))
    m.cos.restype, m.cos.argtypes = ctypes.c_double, [ctypes.c_double]
    return jsonify(pid=c.getpid() == os.getpid(), cos=m.cos(0.0), c=found["c"])


@bp.get("/modules")
def modules():
    """Modules with libraries of their own, imported by computed names."""
    import importlib

    names = ("bz2", "ctypes", "curses", "dbm", "lzma", "readline", "sqlite3", "ssl", "uuid", "zlib")
    loaded = []
    for name in names:
        try:
            loaded.append(importlib.import_module(name).__name__)
        except ImportError:
            pass
    return jsonify(loaded=loaded)


@bp.get("/packages")
def packages():
    from importlib import metadata

    scripts = {e.name: e for e in metadata.entry_points(group="console_scripts")}
    return jsonify(
        flask=metadata.version("flask"),
        names=sorted(d.metadata["Name"].lower() for d in metadata.distributions()),
        needs=any(r.startswith("Werkzeug") for r in metadata.requires("flask")),
        script=scripts["flask"].load().__module__,
        licence=any("LICENSE" in f.name for f in metadata.files("flask")),
    )


@bp.get("/platform")
def platforms():
    import platform
    import sysconfig

    paths = sysconfig.get_paths()
    return jsonify(
        python=platform.python_version(),
        libc=platform.libc_ver()[0],
        system=platform.freedesktop_os_release()["ID"],
        purelib=paths["purelib"],
        suffix=sysconfig.get_config_var("EXT_SUFFIX"),
    )


@bp.get("/logs")
def logs():
    """A log that is configured by a dictionary and rotates, in a file that did not exist."""
    import logging.config
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        logging.config.dictConfig({
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(levelname)s %(name)s: %(message)s"}},
            "handlers": {"file": {
                "class": "logging.handlers.RotatingFileHandler", "formatter": "short",
                "filename": f"{directory}/shop.log", "maxBytes": 100, "backupCount": 2,
            }},
            "loggers": {"shop": {"handlers": ["file"], "level": "INFO"}},
        })
        shop = logging.getLogger("shop")
        for number in range(10):
            shop.info("order %d was served", number)
        files = sorted(os.listdir(directory))
        with open(f"{directory}/shop.log") as log:
            last = log.read().splitlines()[-1]
        for handler in list(shop.handlers):
            handler.close()
            shop.removeHandler(handler)
    return jsonify(files=files, last=last)


@bp.get("/files")
def files():
    """Temporary files, links, modes, and the directories that every Unix has."""
    import pathlib
    import shutil
    import stat
    import tempfile

    with tempfile.NamedTemporaryFile(mode="w+", suffix=".txt") as file, tempfile.TemporaryDirectory() as directory:
        file.write("tea")
        file.flush()
        copy = pathlib.Path(shutil.copy2(file.name, directory))
        copy.chmod(0o640)
        link = pathlib.Path(directory, "link")
        link.symlink_to(copy)
        archive = shutil.make_archive(f"{directory}/all", "zip", directory, copy.name)
        return jsonify(
            text=link.read_text(),
            mode=stat.filemode(copy.stat().st_mode),
            zip=os.path.getsize(archive) > 0,
            sticky=oct(os.stat("/tmp").st_mode & 0o7777),
            var=[d for d in ("/var/tmp", "/var/lib", "/run", "/home", "/root", "/mnt", "/srv") if os.path.isdir(d)],
        )
