package observe_test

import (
	"os"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/testimage"
)

// interrupted is a program to which a signal comes all the time. It prints how many stats and forks failed.
const interrupted = `
use POSIX; use Time::HiRes qw(setitimer ITIMER_REAL);
my ($signals, $stats, $forks) = (0, 0, 0);
my $action = POSIX::SigAction->new(sub { $signals++ }, POSIX::SigSet->new, SA_RESTART);
$action->safe(1); # else perl runs the handler in the midst of what it does, and crashes now and then
sigaction(SIGALRM, $action);
setitimer(ITIMER_REAL, 0.0005, 0.0005);
for (1..20000) { stat("/etc/passwd") or $stats++ }
for (1..50) {
	my $pid = fork();
	if (!defined $pid) { $forks++; next }
	if ($pid == 0) { setitimer(ITIMER_REAL, 0, 0); POSIX::_exit(0) }
	while (waitpid($pid, 0) < 0 && $!{EINTR}) {}
}
setitimer(ITIMER_REAL, 0, 0); # at its end perl gives up the handler, and would be killed
die "no signal came" if $signals == 0;
print "$stats stats and $forks forks failed\n";
`

// A signal that comes while a call waits for the tracer changes nothing that the program sees, when its handler asks for calls to be
// restarted. When it does not, the kernel ends a call that the tracer has not taken yet with EINTR (seccomp_unotify(2)): no tracer can help.
func TestSignals(t *testing.T) {
	testimage.Need(t, "perl")
	r := host{Argv: []string{"perl", "-e", interrupted}, Uid: -1, uid: os.Getuid()}.run(t)
	if r.Err != "" || r.Code != 0 {
		t.Fatalf("the program: %s code %d\n%s", r.Err, r.Code, r.Output)
	}
	if got := strings.TrimSpace(string(r.Output)); got != "0 stats and 0 forks failed" {
		t.Error(got)
	}
}
