package trial_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/engine/enginetest"
	"github.com/lighten/lighten/internal/trial"
)

func init() { roles["around"] = lookAround }

var namespaces = []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}

// lookAround prints its namespaces, its interfaces, and whether it reaches the address that it is given.
func lookAround(args []string) int {
	for _, ns := range namespaces {
		l, err := os.Readlink("/proc/self/ns/" + ns)
		fmt.Println(l, err)
	}
	ifs, err := net.Interfaces()
	fmt.Println("interfaces:", len(ifs), err)
	c, err := net.DialTimeout("tcp", args[0], 5*time.Second)
	if err == nil {
		c.Close()
	}
	fmt.Println("reached:", err == nil)
	return 0
}

// The program has no network but its own loopback unless the checks ask for the host's, and no namespace of the host's that counts.
func TestRunSandbox(t *testing.T) {
	e := enginetest.Open(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, network := range []string{"none", "host"} {
		t.Run(network, func(t *testing.T) {
			f := parse(t, "checks: [{exit: {args: ['"+l.Addr().String()+"']}}]\nnetwork: "+network+"\n")
			out := try(t, e, program(t, "around", v1.Config{}), &trial.Trial{File: f}, trial.Options{Answers: true})
			a := out.Report.Results[0].Answer
			if a == nil || a.Stdout == nil {
				t.Fatalf("got %+v", out.Report)
			}
			text := string(a.Stdout.Head)
			for _, ns := range namespaces {
				host, err := os.Readlink("/proc/self/ns/" + ns)
				if err != nil {
					t.Fatal(err)
				}
				shared := strings.Contains(text, host)
				switch ns {
				case "net":
					if shared != (network == "host") {
						t.Errorf("the host's network namespace: %v", shared)
					}
				case "user", "cgroup": // runc as root remaps no users; cgroups of version 1 are not divided
				default:
					if shared {
						t.Errorf("the program runs in the host's %s namespace", ns)
					}
				}
			}
			if got, want := strings.Contains(text, "reached: true"), network == "host"; got != want {
				t.Errorf("it reached the host: %v, want %v\n%s", got, want, text)
			}
			if network == "none" && !strings.Contains(text, "interfaces: 1 ") {
				t.Errorf("it has more than loopback:\n%s", text)
			}
		})
	}
}
