package closure

import (
	"path"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/lazy"
)

// schedulers run jobs at times that no check waits for.
var schedulers = wordSet("cron crond anacron")

// crontab tells tables of jobs, and scripts that are run once an hour, a day and so on (cron(8), run-parts(8)).
func crontab(p string) bool {
	return p == "/etc/crontab" || strings.HasPrefix(p, "/etc/cron.") || strings.HasPrefix(p, "/var/spool/cron/")
}

// jobLine is a line of a table: five fields of time or a name of one, then the command, behind a user in the system's tables (crontab(5)).
var jobLine = lazy.MustCompile(`^(?:@[a-z]+|[-*0-9A-Za-z,/]+(?:[ \t]+[-*0-9A-Za-z,/]+){4})[ \t]+(.+)$`)

// userField begins a command in the system's tables.
var userField = lazy.MustCompile(`^[A-Za-z0-9_.-]+[ \t]+`)

// schedule keeps, where a scheduler is run, the jobs that a person gave it and the commands of these. Those of the distribution's packages, which
// rotate logs and check file systems, are none of a container's; what starts them is in /etc/crontab, and starts a person's too.
func schedule(m *maker, e *image.Entry, s strength) {
	if s != strong || m.Level == Tight || !isProgram(e) || !schedulers[path.Base(e.Path)] || !m.once("schedule") {
		return
	}
	r := Reason{Rule: "scheduled", By: e.Path, Note: "a job of it"}
	for _, dir := range []string{"/etc/cron", "/var/spool/cron/"} {
		for x := range m.Tree.Under(dir) {
			switch {
			case !x.IsFile() || !crontab(x.Path) || m.ownedBySystem(x.Path) && x.Path != "/etc/crontab" || path.Base(x.Path) == ".placeholder":
			case x.Shebang != "":
				m.run(x.Path, r)
			default:
				m.enter(x, strong, r)
				m.jobs(x)
			}
		}
	}
}

func (m *maker) jobs(table *image.Entry) {
	b, _ := m.Tree.Content(table.Path)
	for line := range strings.Lines(string(b)) {
		job := jobLine.FindStringSubmatch(strings.TrimSpace(line))
		if job == nil {
			continue
		}
		command := job[1]
		if strings.HasPrefix(table.Path, "/etc/") {
			command = command[len(userField.FindString(command)):]
		}
		m.shellCommands(table.Path, []byte(command))
	}
}
