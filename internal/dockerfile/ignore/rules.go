package ignore

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// here is what a rule returns to leave out the very path.
const here = "\x00"

// A rule is one reason for which the image does not need something.
type rule struct {
	group string
	why   string
	// weak rules go by the name alone, so that anything that mentions it keeps it.
	weak bool
	// report lists what stays although the rule matches.
	report bool
	// match returns the pattern that leaves the candidate out; "" when the rule does not apply.
	match func(*candidate) string
}

// A candidate is an entry of the context.
type candidate struct {
	*scan
	path     string
	entry    fs.DirEntry
	siblings []fs.DirEntry
}

func (c *candidate) name() string  { return c.entry.Name() }
func (c *candidate) top() bool     { return !strings.Contains(c.path, "/") }
func (c *candidate) regular() bool { return c.entry.Type().IsRegular() }

// beside reports whether the directory holds an entry of that name.
func (c *candidate) beside(name string) bool {
	_, found := slices.BinarySearchFunc(c.siblings, name, func(e fs.DirEntry, n string) int { return strings.Compare(e.Name(), n) })
	return found
}

// holds reports whether the candidate is a directory with a regular file of that name.
func (c *candidate) holds(name string) bool {
	if !c.entry.IsDir() {
		return false
	}
	info, err := c.root.Lstat(path.Join(c.path, name))
	return err == nil && info.Mode().IsRegular()
}

// contains reports whether the first bytes of the file contain one of the texts.
func (c *candidate) contains(texts ...string) bool {
	if !c.regular() {
		return false
	}
	head := readHead(c.root, c.path, 64<<10)
	return slices.ContainsFunc(texts, func(t string) bool { return bytes.Contains(head, []byte(t)) })
}

// dirs leaves out directories of these names wherever they are.
func dirs(names ...string) func(*candidate) string {
	return func(c *candidate) string {
		if c.entry.IsDir() && slices.Contains(names, c.name()) {
			return "**/" + c.name()
		}
		return ""
	}
}

// files leaves out files of these patterns wherever they are.
func files(patterns ...string) func(*candidate) string {
	return func(c *candidate) string {
		if c.entry.IsDir() {
			return ""
		}
		for _, p := range patterns {
			if ok, _ := path.Match(p, c.name()); ok {
				return "**/" + p
			}
		}
		return ""
	}
}

// atTop restricts a rule to the top of the context.
func atTop(match func(*candidate) string) func(*candidate) string {
	return func(c *candidate) string {
		if !c.top() {
			return ""
		}
		return strings.TrimPrefix(match(c), "**/")
	}
}

// anywhere are the patterns that match at any depth. An entry that a rule spared, for being a file
// and not a directory for instance, must not be caught by the line for the others.
var anywhere = slices.Concat(cacheDirs, junkFiles, secretDirs, secretFiles, editorDirs,
	[]string{".env", ".git", ".hg", ".svn", ".bzr", "node_modules", "*.egg-info", "*.log", ".gitignore", ".gitattributes", ".gitmodules", ".mailmap"})

var (
	cacheDirs   = []string{"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".hypothesis", ".ipynb_checkpoints", ".eggs", ".pytype", ".parcel-cache", ".sass-cache", ".nyc_output"}
	junkFiles   = []string{".DS_Store", "Thumbs.db", "*.swp", "*.swo", "*~", ".*.un~"}
	secretDirs  = []string{".aws", ".ssh", ".gnupg", ".kube", ".azure"}
	secretFiles = []string{"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", "_netrc", ".pypirc", ".git-credentials", ".pgpass", ".htpasswd", "terraform.tfstate"}
	editorDirs  = []string{".idea", ".vscode", ".vs", ".settings", ".fleet", ".zed"}
)

const (
	groupVCS     = "version control"
	groupSecrets = "secrets"
	groupVenv    = "virtual environments and installed modules"
	groupCaches  = "caches"
	groupBuild   = "build outputs"
	groupTests   = "tests, coverage and documentation"
	groupEditor  = "editors and continuous integration"
	groupLogs    = "logs"
	groupDocker  = "descriptions of images"
)

// rules are asked in order; the first that applies decides.
var rules = []rule{
	{group: groupVCS, why: "the history is not part of the program", match: matchVCS},

	{group: groupSecrets, why: "secrets do not belong into an image: give them at run time, or to a RUN by --mount=type=secret", report: true, match: matchSecret},

	{group: groupVenv, why: "the image has its own environment; this one is of the machine it was made on", match: matchVenv},
	{group: groupVenv, why: "the build installs the modules itself", match: matchNodeModules},

	{group: groupCaches, why: "tools make their caches again", match: dirs(cacheDirs...)},
	{group: groupCaches, why: "compiled from the source beside it", match: matchPyc},

	{group: groupBuild, why: "the build makes it anew", weak: true, match: matchBuild},

	{group: groupTests, why: "results of tests", match: atTop(matchCoverage)},
	{group: groupTests, why: "nothing in the Dockerfile, the files of the build or the checks names them", weak: true, match: matchTests},

	{group: groupEditor, why: "settings of a person or of a service that builds", match: matchEditor},
	{group: groupEditor, why: "left by editors and file managers", match: files(junkFiles...)},

	{group: groupLogs, why: "written by a program that ran", weak: true, match: files("*.log")},

	{group: groupDocker, why: "read by the build tool from the context itself, never by the program", match: matchDocker},
}

func matchVCS(c *candidate) string {
	switch c.name() {
	case ".git":
		if c.names.needsGit() {
			return ""
		}
	case ".hg", ".svn", ".bzr":
		if !c.entry.IsDir() {
			return ""
		}
	default:
		return ""
	}
	return "**/" + c.name()
}

// Tools that read the version from the repository.
var versionTools = []string{"setuptools_scm", "setuptools-scm", "hatch-vcs", "versioneer", "poetry-dynamic-versioning", "pbr", "dunamai", "git describe", "git rev-parse"}

// needsGit reports whether the build reads the repository.
func (n *names) needsGit() bool {
	return n.runs("git describe", "git rev-parse", "git log", "git submodule", "git show") || n.dockerfile[".git"] ||
		slices.ContainsFunc(versionTools, func(t string) bool { return strings.Contains(n.buildFiles, t) })
}

// Beginnings of private keys, in PEM and OpenSSH form.
var privateKeys = []string{"PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", `"private_key"`}

func matchSecret(c *candidate) string {
	name := c.name()
	if c.entry.IsDir() {
		if slices.Contains(secretDirs, name) {
			return "**/" + name
		}
		return ""
	}
	ext := path.Ext(name)
	switch {
	case name == ".env" || strings.HasPrefix(name, ".env."):
		if slices.Contains([]string{".example", ".sample", ".template", ".dist", ".defaults"}, ext) {
			return ""
		}
		if name == ".env" {
			return "**/.env"
		}
		return here
	case slices.Contains(secretFiles, name):
		return "**/" + name
	case name == ".npmrc" || name == ".yarnrc.yml":
		// The build's own install may need the token; then it is the user's to move.
		if c.contains("_authToken", "_password", "_auth=", "npmAuthToken") && !c.names.installsModules() {
			return here
		}
	case ext == ".pem" || ext == ".key" || ext == ".ppk" || ext == ".json" && (strings.Contains(name, "credential") || strings.Contains(name, "service") || strings.Contains(name, "key")):
		if c.contains(privateKeys...) || ext == ".ppk" {
			return here
		}
	case ext == ".p12" || ext == ".pfx":
		return here
	}
	return ""
}

func matchVenv(c *candidate) string {
	if !c.holds("pyvenv.cfg") && !(c.holds("bin/activate") && c.holds("bin/python")) {
		return ""
	}
	makes := c.names.runs("virtualenv", "uv sync", "uv venv", "poetry install", "pipenv install", "pdm install", "python venv", "python3 venv") || c.names.dockerfile["venv"] && c.names.commands["python"] || c.names.dockerfile["venv"] && c.names.commands["python3"]
	if c.names.dockerfile[c.name()] && !makes {
		return "" // the Dockerfile uses the one that comes with the context
	}
	return here
}

func (n *names) installsModules() bool {
	return n.runs("npm install", "npm ci", "npm i", "yarn", "yarn install", "pnpm install", "pnpm i", "bun install")
}

func matchNodeModules(c *candidate) string {
	if !c.entry.IsDir() || c.name() != "node_modules" || !c.names.installsModules() {
		return ""
	}
	return "**/node_modules"
}

// matchPyc leaves out compiled modules. One without its source is the program itself.
func matchPyc(c *candidate) string {
	stem, ok := strings.CutSuffix(c.name(), ".pyc")
	if !ok || !c.regular() || c.beside(stem+".py") {
		if ok && c.regular() {
			return "**/*.pyc"
		}
		return ""
	}
	c.clashes["**/*.pyc"] = true
	return ""
}

// matchBuild leaves out what a build tool of the project left, told by what is in it.
func matchBuild(c *candidate) string {
	if !c.entry.IsDir() {
		return ""
	}
	project := c.names.project
	python := project["setup.py"] || project["pyproject.toml"] || project["setup.cfg"]
	switch name := c.name(); {
	case strings.HasSuffix(name, ".egg-info") && c.holds("PKG-INFO") && python:
		return "**/*.egg-info"
	case !c.top():
	case name == "build" && python && c.only("lib", "bdist.", "temp.", "lib."):
		return name
	case name == "dist" && python && c.onlyEndings(".whl", ".tar.gz"):
		return name
	case name == "target" && (project["Cargo.toml"] && c.holds("CACHEDIR.TAG") || project["pom.xml"] && c.names.runs("mvn", "mvn package", "mvn install", "./mvnw")):
		return name
	case (name == ".next" || name == ".nuxt" || name == ".svelte-kit") && c.names.runs("npm run", "yarn build", "yarn run", "pnpm build", "pnpm run"):
		return name
	case name == ".gradle" && project["build.gradle"]:
		return name
	}
	return ""
}

// only reports whether all names in the directory begin with one of the prefixes.
func (c *candidate) only(prefixes ...string) bool {
	return c.all(func(name string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}

func (c *candidate) onlyEndings(endings ...string) bool {
	return c.all(func(name string) bool {
		return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
	})
}

func (c *candidate) all(good func(string) bool) bool {
	entries, err := c.list(c.path)
	return err == nil && len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !good(e.Name()) })
}

func matchCoverage(c *candidate) string {
	switch name := c.name(); {
	case name == "htmlcov" && c.entry.IsDir(), name == "coverage" && (c.holds("lcov.info") || c.holds("index.html") && c.holds("base.css")):
		return name
	case c.regular() && (name == ".coverage" || name == "coverage.xml" || name == "lcov.info" || strings.HasPrefix(name, ".coverage.")):
		return name
	}
	return ""
}

var testRunners = []string{"pytest", "tox", "nox", "python -m pytest", "npm test", "yarn test", "go test", "make test", "cargo test", "mvn", "gradle"}

func matchTests(c *candidate) string {
	if !c.top() {
		return ""
	}
	switch name := c.name(); {
	case c.entry.IsDir() && (name == "tests" || name == "test"):
		if c.names.runs(testRunners...) || c.names.words["pytest"] && c.names.dockerfile["pytest"] {
			return ""
		}
		return name
	case c.entry.IsDir() && (name == "docs" || name == "doc"):
		if c.names.dockerfile["mkdocs"] || c.names.dockerfile["sphinx-build"] {
			return ""
		}
		return name
	case c.regular() && slices.Contains([]string{"README.md", "README.rst", "CHANGELOG.md", "CHANGES.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md"}, name):
		return name
	}
	return ""
}

func matchEditor(c *candidate) string {
	name := c.name()
	if c.entry.IsDir() {
		if slices.Contains(editorDirs, name) {
			return "**/" + name
		}
		switch name {
		case ".github", ".gitlab", ".circleci", ".devcontainer":
			if c.top() {
				return name
			}
		}
		return ""
	}
	switch name {
	case ".gitignore", ".gitattributes", ".gitmodules", ".mailmap":
		return "**/" + name
	case ".gitlab-ci.yml", ".travis.yml", ".pre-commit-config.yaml", ".editorconfig", "azure-pipelines.yml", "Jenkinsfile", ".hadolint.yaml":
		if c.top() {
			return name
		}
	}
	return ""
}

func matchDocker(c *candidate) string {
	if !c.top() || c.entry.IsDir() {
		return ""
	}
	switch name := c.name(); {
	case name == "Dockerfile" || strings.HasPrefix(name, "Dockerfile."), strings.HasPrefix(name, "docker-compose") && strings.HasSuffix(path.Ext(name), "ml"),
		name == "compose.yaml", name == "compose.yml", strings.HasSuffix(name, ".Dockerfile"), strings.HasSuffix(name, ".dockerfile"), name == ".dockerignore", name == "lighten.yaml", name == "lighten.lock":
		return here
	}
	return ""
}
