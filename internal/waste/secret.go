package waste

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/inventory"
)

// Options are how a tree is read for [Analyse]. Limits and the cache are the caller's to add.
func Options() image.TreeOptions {
	o := inventory.Rules()
	o.Distil, o.KeepName, o.Account = distil, inventory.KeepName+", waste 2", true
	return o
}

// maxSecretFile is the largest file that is searched for secrets, in bytes.
const maxSecretFile = 1 << 20

type secretName struct{ suffix, what string }

// secretNames are files that hold secrets by their very nature, by the ends of their paths.
var secretNames = []secretName{
	{"/.git-credentials", "credentials of git"}, {"/.netrc", "credentials (netrc)"}, {"/.pgpass", "credentials of PostgreSQL"}, {"/.my.cnf", "credentials of MySQL"},
	{"/.aws/credentials", "credentials of AWS"}, {"/.azure/accessTokens.json", "tokens of Azure"}, {"/gcloud/credentials.db", "credentials of Google Cloud"},
	{"/gcloud/application_default_credentials.json", "credentials of Google Cloud"}, {"/.kube/config", "credentials of Kubernetes"}, {"/.vault-token", "a token of Vault"},
	{"/.terraform.d/credentials.tfrc.json", "tokens of Terraform"}, {"/.config/gh/hosts.yml", "tokens of GitHub"}, {"/.cargo/credentials.toml", "a token of crates.io"}, {"/.cargo/credentials", "a token of crates.io"},
	{"/.gem/credentials", "a key of RubyGems"}, {"/.pypirc", "credentials of PyPI"}, {"/.htpasswd", "hashes of passwords"},
}

// secretBases holds secretNames by their last components.
var secretBases = func() map[string][]secretName {
	m := map[string][]secretName{}
	for _, n := range secretNames {
		base := n.suffix[strings.LastIndexByte(n.suffix, '/'):]
		m[base] = append(m[base], n)
	}
	return m
}()

// secretPatterns are looked for in what may be configuration.
var secretPatterns = []struct {
	what string
	re   *regexp.Regexp
}{
	{"private key", regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----`)},
	{"key of AWS", regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`)},
	{"token of GitHub", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{82}\b`)},
	{"token of GitLab", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20}\b`)},
	{"token of npm", regexp.MustCompile(`_authToken\s*=\s*[^\s$]|\bnpm_[A-Za-z0-9]{36}\b`)},
	{"token of Slack", regexp.MustCompile(`\bxox[abprs]-[A-Za-z0-9-]{20,}`)},
	{"key of Stripe", regexp.MustCompile(`\b[rs]k_live_[A-Za-z0-9]{20,}`)},
	{"key of Google", regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{35}\b`)},
	{"credentials of a registry", regexp.MustCompile(`"auth"\s*:\s*"[A-Za-z0-9+/=]{8,}"`)},
	{"password in an address", regexp.MustCompile(`\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqp|https?)://[^\s:/@"'{}$<>]+:[^\s:/@"'{}$<>]{4,}@`)},
}

// assigned finds a secret among the variables of a .env file or a configuration.
var assigned = regexp.MustCompile(`(?i)(?:^|\n)\s*(?:export\s+)?[A-Z0-9_]*(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY)[A-Z0-9_]*\s*=\s*["']?[^\s"'$<{]{4,}`)

// textual are endings of what may be configuration or keys; files without one are looked at when they are small.
var textual = map[string]bool{
	".env": true, ".json": true, ".yaml": true, ".yml": true, ".toml": true, ".ini": true, ".cfg": true, ".conf": true, ".config": true, ".properties": true, ".xml": true, ".tfvars": true,
	".tfstate": true, ".pem": true, ".key": true, ".crt": true, ".cert": true, ".ppk": true, ".asc": true, ".gpg": true, ".npmrc": true, ".yarnrc": true, ".netrc": true, ".sh": true, ".txt": true, ".local": true,
	".production": true, ".development": true, ".staging": true, ".prod": true, ".dev": true, ".pypirc": true, ".dockercfg": true, ".bash_history": true, ".ash_history": true,
}

const smallFile = 16 << 10

// factSecret begins the facts of a file that [secrets] reads.
const factSecret = "secret "

// distil tells the facts of a file that the inventory and [secrets] read.
func distil(p string, size int64) func([]byte) []string {
	packages, kinds := inventory.Distil(p, size), distilSecrets(p, size)
	if packages == nil || kinds == nil {
		if packages != nil {
			return packages
		}
		return kinds
	}
	return func(content []byte) []string { return append(packages(content), kinds(content)...) }
}

// distilSecrets tells what kinds of secrets a file holds, never which.
func distilSecrets(p string, size int64) func([]byte) []string {
	if size == 0 || size > maxSecretFile {
		return nil
	}
	base := path.Base(p)
	ext := path.Ext(base)
	if !textual[ext] && !isEnv(base) && (ext != "" || size > smallFile) {
		return nil
	}
	return func(content []byte) (found []string) {
		if bytes.IndexByte(content[:min(len(content), 512)], 0) >= 0 {
			return nil // no text
		}
		for _, x := range secretPatterns {
			if x.re.Match(content) {
				found = append(found, factSecret+x.what)
			}
		}
		if isEnv(base) && assigned.Match(content) {
			found = append(found, factSecret+"values in an environment file")
		}
		return found
	}
}

// isEnv reports whether a file is a .env that is meant for a program, not an example of one.
func isEnv(base string) bool {
	return (base == ".env" || strings.HasPrefix(base, ".env.")) && !slices.Contains([]string{".example", ".sample", ".template", ".dist", ".defaults"}, path.Ext(base))
}

// secrets looks at the files of all layers, hidden ones too, and at the configuration. What a package brings is public.
func secrets(f *finder, c *Category) {
	for i := range f.a.Layers {
		n := 0
		for e := range f.a.Tree.LayerEntries(i) {
			s := f.a.state[i][n]
			n++
			if !e.IsFile() || s.linked {
				continue
			}
			var what []string
			for _, fact := range e.Facts {
				if kind, ok := strings.CutPrefix(fact, factSecret); ok {
					what = append(what, kind)
				}
			}
			for _, name := range secretBases[e.Path[strings.LastIndexByte(e.Path, '/'):]] {
				if strings.HasSuffix(e.Path, name.suffix) && e.Size > 0 {
					what = append(what, name.what)
				}
			}
			if len(what) == 0 || f.a.Inventory.OwnerOf(e) != nil || public(e.Path) {
				continue
			}
			note := strings.Join(what, ", ")
			if s.kind != Seen {
				note += "; " + s.kind.String() + " later, but still in the layer"
			}
			f.add(c, Place{Path: e.Path, Note: note, Layer: i, By: int(s.by)}, 0, 0)
		}
	}
	f.configSecrets(c)
}

// public reports whether a path is of tests and examples, or of Go's own sources, whose keys everybody has.
func public(p string) bool {
	return strings.HasPrefix(p, "/usr/share/doc/") || strings.HasPrefix(p, "/usr/share/") && strings.Contains(p, "/examples/") ||
		strings.Contains(p, "/site-packages/") || strings.Contains(p, "/dist-packages/") || strings.Contains(p, "/node_modules/") || strings.Contains(p, "/test/") || strings.Contains(p, "/tests/") ||
		strings.Contains(p, "/testdata/") || strings.HasPrefix(p, "/usr/local/go/src/")
}

// secretVariable tells by its name that a variable is meant for a secret.
var secretVariable = regexp.MustCompile(`(?i)(?:^|_)(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS)(?:$|_)`)

// assignment finds variables that a history entry sets: build arguments ("|2 NAME=value OTHER=value /bin/sh -c …"), and
// those of its commands.
var assignment = regexp.MustCompile(`\b([A-Za-z_][A-Za-z0-9_]*)=("[^"]*"|'[^']*'|[^\s;&|]+)`)

func (f *finder) configSecrets(c *Category) {
	for _, kv := range f.a.Tree.Config.Config.Env {
		if name, value, _ := strings.Cut(kv, "="); value != "" && isSecretVariable(name, value) {
			f.add(c, Place{Note: "environment variable " + name + " in the configuration", Layer: -1, By: -1}, 0, 0)
		}
	}
	for _, h := range f.a.Tree.Config.History {
		for _, m := range assignment.FindAllStringSubmatch(h.CreatedBy, -1) {
			if isSecretVariable(m[1], m[2]) {
				f.add(c, Place{Note: m[1] + " in the history", Layer: -1, By: -1}, 0, 0)
			}
		}
		for _, x := range secretPatterns {
			if x.re.MatchString(h.CreatedBy) {
				f.add(c, Place{Note: x.what + " in the history", Layer: -1, By: -1}, 0, 0)
			}
		}
	}
}

// Redact returns a history entry without the values of secrets.
func Redact(createdBy string) string {
	s := assignment.ReplaceAllStringFunc(createdBy, func(kv string) string {
		if name, value, _ := strings.Cut(kv, "="); isSecretVariable(name, value) {
			return name + "=(hidden)"
		}
		return kv
	})
	for _, x := range secretPatterns {
		s = x.re.ReplaceAllString(s, "(hidden)")
	}
	return s
}

// isSecretVariable leaves out what says where a secret lies instead of what it is, and what is set to another variable.
func isSecretVariable(name, value string) bool {
	value = strings.Trim(value, `"'`)
	return secretVariable.MatchString(name) && !strings.HasSuffix(strings.ToUpper(name), "_FILE") && value != "" && value[0] != '/' && value[0] != '$'
}
