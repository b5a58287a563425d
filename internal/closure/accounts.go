package closure

import (
	"path"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/image"
)

// The user numbers of people, as distributions give them (login.defs(5), UID_MIN, UID_MAX).
const firstPerson, lastPerson = 1000, 60000

// session is what is read and written when somebody logs in (login(1), pam_lastlog(8), bash(1)).
var session = []string{"/etc/profile", "/etc/bash.bashrc", "/etc/environment", "/etc/motd", "/etc/shells", "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/var/run/utmp"}

// accounts keeps what belongs to the people of /etc/passwd where a program that was run lets them in, which is what it takes PAM for: sshd, login, su, an
// FTP server. Which of them come, and with what they are greeted, no check may show.
func accounts(m *maker, e *image.Entry, s strength) {
	if s != strong || m.Level == Tight || !strings.HasPrefix(path.Base(e.Path), "libpam.so") || !m.once("accounts") {
		return
	}
	for _, p := range session {
		m.add(p, weak, Reason{Rule: "account", By: e.Path, Note: "of who logs in"})
	}
	b, _ := m.Tree.Content("/etc/passwd")
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 {
			continue
		}
		uid, err := strconv.Atoi(f[2])
		if err != nil || uid < firstPerson || uid > lastPerson {
			continue
		}
		if home := m.Tree.Resolve(f[5]); home != nil && home.IsDir() && !crossroads[home.Path] {
			r := Reason{Rule: "account", By: e.Path, Note: "home of " + f[0]}
			m.add(f[5], weak, r)
			m.below(home.Path, weak, r)
		}
		if sh := m.Tree.Resolve(f[6]); sh != nil && sh.IsFile() && path.IsAbs(f[6]) {
			m.namedCommand(f[6], e)
		}
	}
}
