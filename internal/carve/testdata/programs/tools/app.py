"""Runs well-known tools for whoever asks; none of them while `GET /` is answered."""

import subprocess

from bottle import route, run


def sh(cmd, **kw):
    p = subprocess.run(cmd, shell=isinstance(cmd, str), capture_output=True, text=True, errors="replace", **kw)
    return f"{p.returncode} {p.stdout[:200]} {p.stderr[:200]}"


@route("/")
def index():
    return "tools"


@route("/psql")
def run_psql():
    return sh(["psql", "--version"])


@route("/dump")
def run_dump():
    return sh("pg_dump --version | cut -d' ' -f1")


@route("/mysql")
def run_mysql():
    return sh(["mysql", "--version"])


@route("/redis")
def run_redis():
    return sh(["redis-cli", "--version"])


@route("/sqlite")
def run_sqlite():
    return sh(["sqlite3", ":memory:", "select 40+2"])


@route("/rsync")
def run_rsync():
    return sh("mkdir -p /tmp/a /tmp/b && touch /tmp/a/x && rsync -a /tmp/a/ /tmp/b/ && ls /tmp/b")


@route("/ssh")
def run_ssh():
    return sh("rm -f /tmp/k; ssh-keygen -q -t ed25519 -N '' -f /tmp/k && cut -c1-11 /tmp/k.pub; ssh -G example | grep -c hostname")


@route("/gpg")
def run_gpg():
    return sh("export GNUPGHOME=/tmp/gh; mkdir -p -m700 $GNUPGHOME; echo secret | gpg --batch --yes --passphrase x --pinentry-mode loopback -c -o /tmp/s.gpg && gpg --batch --passphrase x --pinentry-mode loopback -qd /tmp/s.gpg")


@route("/zip")
def run_zip():
    return sh("cd /tmp && rm -f q.zip q.7z && echo hi > q && zip -q q.zip q && unzip -p q.zip q && 7z a q.7z q >/dev/null && 7z l q.7z | grep -c q")


@route("/xml")
def run_xml():
    return sh("echo '<a><b>1</b></a>' | xmllint --xpath '//b/text()' - && echo '<a/>' | xmllint --format - | wc -l")


@route("/xslt")
def run_xslt():
    return sh("""
  cat > /tmp/s.xsl <<'X'
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/><xsl:template match="/">done</xsl:template></xsl:stylesheet>
X
  echo '<a/>' | xsltproc /tmp/s.xsl -
""")


@route("/pdf")
def run_pdf():
    return sh("convert -size 60x60 xc:white /tmp/a.png && convert /tmp/a.png /tmp/a.jpg && identify -format '%m %w' /tmp/a.jpg")


@route("/gs")
def run_gs():
    return sh("echo '%!PS\n/Helvetica findfont 12 scalefont setfont 72 72 moveto (Hello) show showpage' > /tmp/a.ps; gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -sOutputFile=/tmp/a.pdf /tmp/a.ps && pdftotext /tmp/a.pdf - | head -1 && qpdf --check /tmp/a.pdf | head -1 && pdfinfo /tmp/a.pdf | grep Pages")


@route("/dig")
def run_dig():
    return sh(["dig", "-v"])


@route("/nc")
def run_nc():
    return sh("nc -z 127.0.0.1 8000 && echo open")


@route("/vim")
def run_vim():
    return sh("echo abc > /tmp/v; vim.tiny -es -u NONE -c '%s/b/X/' -c 'wq' /tmp/v; cat /tmp/v; less --version | head -c 4")


@route("/file")
def run_file():
    return sh("file -b --mime-type /bin/sh; tree --version | head -c 4; echo 2^10 | bc")


@route("/zstd")
def run_zstd():
    return sh("echo hi | zstd -q | zstd -dqc; cd /tmp; echo z > zz; tar --zstd -cf z.tzst zz && tar -tf z.tzst")


@route("/git")
def run_git():
    return sh("cd /tmp; rm -rf r r2; git init -q r && cd r && git config user.email a@b && git config user.name a && touch f && git add f && git commit -qm one && git log --oneline | wc -l && git clone -q /tmp/r /tmp/r2 && git -C /tmp/r2 stash list && git -C /tmp/r2 remote -v | wc -l && git ls-remote https://127.0.0.1:1/x 2>&1 | grep -c onnect")


@route("/openssl")
def run_openssl():
    return sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/ck -out /tmp/cc -subj /CN=x -days 2 2>/dev/null && openssl x509 -in /tmp/cc -noout -subject")


run(host="0.0.0.0", port=8000, quiet=True)
