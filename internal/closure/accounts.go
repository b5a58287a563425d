package closure

import (
	"path"
	"slices"
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
	people := map[string]bool{}
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
		people[f[0]] = true
	}
	m.powers(e, people)
}

// powers keeps what runs commands as another user for people who come with a shell, where a person made rules for that or put one of them into
// a group that the distribution's rules name (sudoers(5)).
func (m *maker) powers(e *image.Entry, people map[string]bool) {
	ruled := false
	for x := range m.Tree.Under("/etc/sudoers.d/") {
		if x.IsFile() && !m.ownedBySystem(x.Path) {
			m.add(x.Path, weak, Reason{Rule: "account", By: e.Path, Note: "what people may do"})
			ruled = true
		}
	}
	b, _ := m.Tree.Content("/etc/group")
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) > 3 && sudoers[f[0]] {
			ruled = ruled || slices.ContainsFunc(strings.Split(f[3], ","), func(name string) bool { return people[name] })
		}
	}
	if sudo := m.lookPath("sudo"); ruled && sudo != "" && len(people) > 0 {
		m.namedCommand(sudo, e)
	}
}

// sudoers are the groups that rules of distributions let do everything.
var sudoers = wordSet("sudo wheel admin")
