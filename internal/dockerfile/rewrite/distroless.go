package rewrite

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
)

// DistrolessPython is the image without shell and package manager, and what is
// in it: Debian 12's own Python.
const (
	DistrolessPython = "gcr.io/distroless/python3-debian12"
	distrolessPython = "3.11"
	distrolessPath   = "/usr/bin/python3.11"
	distrolessSite   = "/usr/local/lib/python3.11/dist-packages" // on Debian's sys.path
)

// Distroless leaves nothing but Python, the dependencies and the program.
func Distroless(in Input) (Output, error) {
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	if in.Project.Version != distrolessPython {
		return Output{}, refuse("distroless has Python %s, the program wants %s: modules of one do not load in the other", distrolessPython, orUnknown(in.Project.Version))
	}
	if strings.Contains(r.tag, "alpine") {
		return Output{}, refuse("the base is Alpine: distroless has another libc")
	}
	if c := in.Evidence.Codename; c != "" && c != "bookworm" && r.compiles(in.Evidence) {
		return Output{}, refuse("modules compiled on Debian %s do not load in distroless, which is Debian 12 (bookworm)", c)
	}
	if _, run := r.system(); len(run) > 0 {
		return Output{}, refuse("the program has %s installed; distroless has no package manager", strings.Join(run, ", "))
	}
	var p page
	p.WriteString(r.head)
	from := r.base
	if t, ok := slimTag(r.tag); ok && !r.compiles(in.Evidence) {
		from = r.withTag(t)
	}
	p.line("# Everything that only installing needs stays in this stage.")
	if r.installs() {
		r.builder(&p, from, (*page).apt, prefixed)
	}
	if len(in.Evidence.Distroless) > 0 {
		libraries(&p, r.base, in.Evidence.Distroless)
	}
	p.line("\n# Python and the program: no shell, no package manager. Its sys.path has the copied directory.")
	p.line("FROM %s", DistrolessPython)
	if err := r.withoutShell(&p, in); err != nil {
		return Output{}, err
	}
	return r.output(&p, "distroless", DistrolessPython, unowned(in))
}

func orUnknown(s string) string {
	if s == "" {
		return "one that the Dockerfile does not name"
	}
	return s
}

// libraries unpacks Debian packages into a directory of their own, with the
// records by which scanners know them.
func libraries(p *page, base string, pkgs []string) {
	p.line("\n# The libraries that the native modules load, as Debian packages, with their records for scanners.")
	p.line("FROM %s AS libraries", base)
	p.line("WORKDIR /debs")
	p.line("RUN apt-get update && apt-get download %s \\", strings.Join(unique(pkgs), " "))
	p.line(" && mkdir -p /libraries/var/lib/dpkg/status.d /libraries/usr/lib \\")
	p.line(" && for deb in *.deb; do \\")
	p.line("      dpkg-deb -x \"$deb\" /libraries \\")
	p.line("      && dpkg-deb -f \"$deb\" > /libraries/var/lib/dpkg/status.d/\"$(dpkg-deb -f \"$deb\" Package)\" || exit 1; \\")
	p.line("    done \\")
	p.line(" && if [ -d /libraries/lib ]; then cp -a /libraries/lib/. /libraries/usr/lib/ && rm -rf /libraries/lib; fi")
}

var number = regexp.MustCompile(`^\d+(:\d+)?$`)

// withoutShell writes the final stage's steps, none of which may need a shell.
func (r *recipe) withoutShell(p *page, in Input) error {
	if len(in.Evidence.Distroless) > 0 {
		p.line("COPY --from=libraries /libraries /")
	}
	if r.installs() {
		p.line("COPY --from=builder /install/lib/python%s/site-packages %s", distrolessPython, distrolessSite)
	}
	hasEntry := slices.ContainsFunc(r.steps, func(s step) bool { return s.Name == "ENTRYPOINT" })
	for i, s := range r.steps {
		switch {
		case len(s.apt) > 0:
		case len(s.pip) > 0 && len(s.rest) == 0:
		case i < r.lastPip() && r.feedsPipOnly(i):
		case s.Name == "RUN":
			return refuse("line %d runs a command in the final image; distroless has no shell to run it", s.Line)
		case s.Name == "USER" && !number.MatchString(s.Args[0].Value) && s.Args[0].Value != "root" && s.Args[0].Value != "nonroot":
			return refuse("line %d: user %s is not known in distroless; name a number", s.Line, s.Args[0].Value)
		case s.Name == "HEALTHCHECK" && !strings.Contains(s.Document().Text(s.Range), "["):
			return refuse("line %d: this HEALTHCHECK needs a shell; write it in exec form with python", s.Line)
		case s.Name == "ENTRYPOINT" || s.Name == "CMD" && !hasEntry:
			argv, err := translate(s)
			if err != nil {
				return err
			}
			comments(p, s)
			if s.Name == "CMD" { // as in the original, arguments of `docker run` replace all of it
				p.line("ENTRYPOINT []")
			}
			b, err := json.Marshal(argv)
			if err != nil {
				return err
			}
			p.line("%s %s", s.Name, strings.ReplaceAll(string(b), `","`, `", "`))
		default:
			p.keep(s)
		}
	}
	return nil
}

// translate gives a command the interpreter's place in distroless.
func translate(s step) ([]string, error) {
	if !s.JSON {
		return nil, refuse("line %d: %s in shell form needs a shell; write it as a JSON list", s.Line, s.Name)
	}
	argv := make([]string, 0, len(s.Args)+2)
	for _, a := range s.Args {
		argv = append(argv, a.Value)
	}
	if len(argv) == 0 {
		return nil, refuse("line %d: %s is empty", s.Line, s.Name)
	}
	switch name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]; name {
	case "python", "python3", "python" + distrolessPython:
		return append([]string{distrolessPath}, argv[1:]...), nil
	case "gunicorn", "uvicorn", "flask", "celery", "hypercorn", "pytest":
		return append([]string{distrolessPath, "-m", name}, argv[1:]...), nil
	default:
		return nil, refuse("line %d: how to start %s without its script is not known; use python -m", s.Line, name)
	}
}

// Repair recognises the published distroless recipe, which copies the program
// but not what pip installed, and mends it by edits on the user's own file. The
// reason is "" for any other Dockerfile.
func Repair(in Input) (Output, string, error) {
	d := in.Doc
	final := d.Final()
	base := d.Expand(final.Base, nil)
	if len(d.Stages) < 2 || !strings.Contains(base, "distroless/python3") {
		return Output{}, "", nil
	}
	var from *dockerfile.Instruction
	stage := (*dockerfile.Stage)(nil)
	for _, i := range final.Instructions {
		f := i.Flag("from")
		if i.Name != "COPY" || f == nil {
			continue
		}
		if strings.Contains(d.Text(i.ArgsRange), "-packages") || strings.Contains(d.Text(i.ArgsRange), "/install") {
			return Output{}, "", nil
		}
		from, stage = i, d.StageNamed(f.Value)
	}
	if stage == nil {
		return Output{}, "", nil
	}
	for _, i := range stage.Instructions {
		s, err := understand(i)
		if err != nil || len(s.pip) == 0 {
			continue
		}
		site := "/usr/local/lib/python" + distrolessPython + "/site-packages"
		why := "it cannot start: " + "line " + strconv.Itoa(i.Line) + " installs the dependencies into " + site + " of stage " + stage.Name +
			", and line " + strconv.Itoa(from.Line) + " copies only the program from there"
		if m := regexp.MustCompile(`python:(\d+\.\d+)`).FindStringSubmatch(d.Expand(stage.Base, nil)); m == nil || m[1] != distrolessPython {
			return Output{}, why + "; distroless has Python " + distrolessPython, nil
		}
		fixed, err := d.Apply(dockerfile.Edit{
			Range: dockerfile.Range{Start: from.Range.End, End: from.Range.End},
			New:   "\n# What pip installed, at a place on this Python's sys.path.\nCOPY --from=" + stage.Name + " " + site + " " + distrolessSite,
			Why:   "the dependencies are copied too",
		})
		if err != nil {
			return Output{}, why, err
		}
		return Output{Dockerfile: fixed.Source, Base: base, Notes: []string{"repaired: the dependencies are copied too"}}, why, nil
	}
	return Output{}, "", nil
}
