package rewrite

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lighten/lighten/internal/dockerfile"
	"github.com/lighten/lighten/internal/lazy"
	"github.com/lighten/lighten/internal/stack"
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
	in, err := split(in)
	if err != nil {
		return Output{}, err
	}
	r, err := read(in)
	if err != nil {
		return Output{}, err
	}
	if err := r.moves(); err != nil {
		return Output{}, err
	}
	if r.version != distrolessPython {
		return Output{}, refuse("distroless has Python %s, the program wants %s: modules of one do not load in the other", distrolessPython, orUnknown(r.version))
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
	if why := r.placed(); why != "" {
		return Output{}, refuse("%s", why)
	}
	d := &distroless{recipe: r, in: in}
	for _, s := range r.steps {
		if c, ok := r.carries(s); ok {
			if err := r.loads(c, s, in.Evidence); err != nil {
				return Output{}, err
			}
			d.carried = append(d.carried, c)
		}
	}
	if len(d.carried) == 0 && !r.installs() {
		for _, s := range r.steps {
			if _, ok := r.stagePython(s.flag("from")); ok {
				return Output{}, refuse("line %d copies from a stage with Python, but not in a way by which the installed packages are known: copy the virtual environment, or site-packages, by a line of its own", s.Line)
			}
		}
	}
	d.owned = slices.ContainsFunc(r.steps, func(s step) bool { return s.owns != nil })
	if err := d.write(); err != nil {
		return Output{}, err
	}
	return r.output(&d.page, "distroless", DistrolessPython, append(unowned(in), r.askNotes()...))
}

// stagePython is the tag of the Python image that an earlier stage is built on.
func (r *recipe) stagePython(name string) (string, bool) {
	for _, e := range r.earlier {
		if e.Name == strings.ToLower(name) || strconv.Itoa(e.Index) == name {
			return glibcPython(e)
		}
	}
	return "", false
}

// loads refuses packages from a stage whose modules distroless' Python could not load.
func (r *recipe) loads(c carried, s step, e Evidence) error {
	tag, ok := r.stagePython(c.stage)
	if !ok {
		return refuse("line %d copies Python packages from %s, which is no stage on a Debian image of Python", s.Line, c.stage)
	}
	if v := versionTag.FindString(tag); v != distrolessPython && (v != "" || e.Python() != distrolessPython) {
		return refuse("line %d copies packages of Python %s, distroless has %s: modules of one do not load in the other", s.Line, orUnknown(v), distrolessPython)
	}
	return nil
}

// distroless is a recipe on its way to an image without a shell.
type distroless struct {
	page
	*recipe
	in Input
	// owned is set when users or owners are made by commands: the builder then makes the program's
	// directories too, because the final stage can run nothing.
	owned   bool
	carried []carried // packages that the original copies from its own stages
}

func (d *distroless) write() error {
	d.WriteString(d.head)
	from := d.base
	why := "# Compilers and headers stay in this stage."
	if t, ok := stack.SlimTag(d.tag); ok && !d.compiles(d.in.Evidence) {
		from, why = d.withTag(t), "# Everything that only installing needs stays in this stage."
	}
	if !d.installs() {
		why = "# The program's users and directories, with their owners: nothing can make them in the final image."
	}
	if d.installs() || d.owned {
		d.line("%s", why)
		d.builder(&d.page, from, d.install, d.prefixed)
	}
	if d.owned {
		if err := d.ownedSteps(); err != nil {
			return err
		}
	}
	if len(d.in.Evidence.Distroless) > 0 {
		d.unpack(d.in.Evidence.Distroless)
	}
	if d.Len() > len(d.head) {
		d.line("")
	}
	d.line("# Python and the program: no shell, no package manager. Its sys.path has the copied directory.")
	d.line("FROM %s%s%s", d.platform, DistrolessPython, d.as)
	for _, v := range d.in.Evidence.Env { // the only variable of the Python images that changes how a program behaves
		if strings.HasPrefix(v, "LANG=") {
			d.line("ENV %s", v)
		}
	}
	if len(d.in.Evidence.Distroless) > 0 {
		d.line("COPY --from=%s /libraries /", d.libraries)
	}
	if d.installs() {
		d.line("COPY --from=%s /install/lib/python%s/site-packages %s", d.stage, distrolessPython, distrolessSite)
	}
	for _, c := range d.carried {
		if c.site != "" {
			d.line("COPY --from=%s %s %s", c.stage, c.site, distrolessSite)
		}
	}
	return d.withoutShell()
}

// ownedSteps finishes the builder with what makes users, and with what they own. COPY keeps the owner of all that is in a directory, but
// makes the directory itself as root's: so they are copied from one that holds them all.
func (d *distroless) ownedSteps() error {
	for i, s := range d.steps {
		_, carries := d.carries(s)
		switch {
		case carries, d.pointsInto(s, d.carried):
		case s.owns != nil:
			d.asIs(s)
		case i > d.lastPip() && slices.Contains([]string{"ARG", "ENV", "WORKDIR", "COPY", "ADD"}, s.Name):
			d.keep(s)
		}
	}
	dirs, err := d.directories()
	if err == nil && len(dirs) > 0 {
		for i, dir := range dirs { // cp --parents of coreutils 9.1 looks for parents of absolute paths in the working directory
			dirs[i] = strings.TrimPrefix(dir, "/")
		}
		d.line("RUN mkdir /owned && cd / && cp -a --parents %s /owned", strings.Join(dirs, " "))
	}
	return err
}

// directories are those which the program's files and owners are in.
func (d *distroless) directories() ([]string, error) {
	var out []string
	for _, s := range d.steps {
		var at string
		_, carries := d.carries(s)
		switch {
		case carries, s.passing:
			continue
		case s.owns != nil:
			out = append(out, s.owns.dirs...)
			continue
		case s.Name == "WORKDIR":
			at = resolve(workdir(s.Instruction), s.Expand(s.Args[0].Value))
		case s.Name == "COPY" || s.Name == "ADD":
			at = resolve(workdir(s.Instruction), s.Expand(s.Args[len(s.Args)-1].Value))
		default:
			continue
		}
		if at == "" || systemDir(at) {
			return nil, refuse("line %d writes to %s, of which only the program's part would have to be copied", s.Line, s.Document().Text(s.ArgsRange))
		}
		out = append(out, at)
	}
	return outermost(out), nil
}

func orUnknown(s string) string {
	if s == "" {
		return "one that the Dockerfile does not name"
	}
	return s
}

// unpack puts Debian packages into a directory of their own, with the
// records by which scanners know them.
func (d *distroless) unpack(pkgs []string) {
	p := &d.page
	p.line("\n# The libraries that the native modules load, as Debian packages, with their records for scanners.")
	p.line("FROM %s%s AS %s", d.platform, likewise(d.origin, d.base), d.libraries)
	p.line("WORKDIR /debs")
	p.line("RUN apt-get update && apt-get download %s \\", strings.Join(unique(pkgs), " "))
	p.line(" && mkdir -p /libraries/var/lib/dpkg/status.d /libraries/usr/lib \\")
	p.line(" && for deb in *.deb; do \\")
	p.line("      dpkg-deb -x \"$deb\" /libraries \\")
	p.line("      && record=/libraries/var/lib/dpkg/status.d/$(dpkg-deb -f \"$deb\" Package) \\")
	p.line("      && dpkg-deb -f \"$deb\" > \"$record\" \\")
	p.line("      && dpkg-deb -I \"$deb\" md5sums > \"$record.md5sums\" || exit 1; \\")
	p.line("    done \\")
	p.line(" && if [ -d /libraries/lib ]; then cp -a /libraries/lib/. /libraries/usr/lib/ && rm -rf /libraries/lib; fi")
}

var number = lazy.MustCompile(`^\d+(:\d+)?$`)

// withoutShell writes the final stage's steps, none of which may need a shell.
func (d *distroless) withoutShell() error {
	if d.owned {
		d.line("# The users, and what they own, as the builder made them.")
		if d.users() {
			d.line("COPY --from=%s /etc/passwd /etc/group /etc/", d.stage)
		}
		dirs, err := d.directories()
		if err != nil {
			return err
		}
		if len(dirs) > 0 {
			d.line("COPY --from=%s /owned /", d.stage)
		}
	}
	hasEntry := slices.ContainsFunc(d.steps, func(s step) bool { return s.Name == "ENTRYPOINT" })
	for i, s := range d.steps {
		_, carries := d.recipe.carries(s)
		switch {
		case carries, d.pointsInto(s, d.carried), d.onlyInstaller(i):
		case s.passing, len(s.packages) > 0 && len(s.pip) == 0, s.owns != nil, len(s.pip) > 0 && len(s.rest) == 0, i < d.lastPip() && d.feedsPipOnly(i):
		case d.owned && (s.Name == "COPY" || s.Name == "ADD"):
		case s.Name == "RUN":
			return refuse("line %d runs a command in the final image; distroless has no shell to run it", s.Line)
		case s.Name == "USER" && !d.users() && !number.MatchString(s.Args[0].Value) && s.Args[0].Value != "root" && s.Args[0].Value != "nonroot":
			return refuse("line %d: user %s is not known in distroless; name a number", s.Line, s.Args[0].Value)
		case d.keepHealth(&d.page, s, distrolessPath):
		case s.Name == "HEALTHCHECK" && !strings.Contains(s.Document().Text(s.Range), "[") && !strings.Contains(s.Document().Text(s.Range), "NONE"):
			return refuse("line %d: this HEALTHCHECK needs a shell; write it in exec form with python", s.Line)
		case s.Name == "ENTRYPOINT" || s.Name == "CMD" && !hasEntry:
			if err := d.command(s); err != nil {
				return err
			}
		default:
			d.keep(s)
		}
	}
	return nil
}

// command writes what starts the program.
func (d *distroless) command(s step) error {
	argv, err := d.translate(s)
	if err != nil {
		return err
	}
	comments(&d.page, s)
	if s.Name == "CMD" { // as in the original, arguments of `docker run` replace all of it
		d.line("ENTRYPOINT []")
	}
	d.line("%s %s", s.Name, jsonList(argv))
	return nil
}

// scripts is the stage and the directory from which commands of distributions are copied; "" when there are none.
func (d *distroless) scripts() string {
	if d.installs() {
		return d.stage + " /install/bin"
	}
	for _, c := range d.carried {
		if c.bin != "" {
			return c.stage + " " + c.bin
		}
	}
	return ""
}

// translate gives a command the interpreter's place in distroless.
func (d *distroless) translate(s step) ([]string, error) {
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
	switch name := path.Base(argv[0]); {
	case name == "python" || name == "python3" || name == "python"+distrolessPython:
		return append([]string{distrolessPath}, argv[1:]...), nil
	case d.scripts() != "" && (slices.Contains(d.in.Evidence.Scripts, name) || !d.in.Evidence.Built && (argv[0] == name || len(d.carried) > 0)):
		// The script that a distribution brings, run by this Python: its first line names the builder's.
		script := "/usr/local/bin/" + name
		d.line("COPY --from=%s/%s %s", d.scripts(), name, script)
		return append([]string{distrolessPath, script}, argv[1:]...), nil
	default:
		return nil, refuse("line %d starts %s, which is neither Python nor a command of an installed distribution", s.Line, argv[0])
	}
}

var pythonTag = lazy.MustCompile(`python:(\d+\.\d+)`)

// Repair recognises the published distroless recipe, which copies the program
// but not what pip installed, and mends it by edits on the user's own file. The
// reason is "" for any other Dockerfile.
func Repair(d *dockerfile.Document) (Output, string, error) {
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
		if m := pythonTag.FindStringSubmatch(d.Expand(stage.Base, nil)); m == nil || m[1] != distrolessPython {
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
