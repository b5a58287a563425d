// Package trust knows where a build step finds a certificate authority that is handed in, and which environment
// variables make programs read it.
package trust

import (
	"sort"
	"strings"
)

// Dir is where lighten's own mounts are in a container. It lies below /dev because that is a tmpfs in every
// container: mount points made there never reach a layer.
const Dir = "/dev/.lighten/"

// File is the bundle's place in a step's container, below /dev for the same reason.
const File = "/dev/.lighten-ca.pem"

// ID names the bundle among a session's secrets.
const ID = "lighten.ca"

// EnvID names the secret whose value is [File].
const EnvID = "lighten.ca.path"

// variables name a PEM bundle to the program that reads them.
var variables = []string{
	"AWS_CA_BUNDLE",                      // AWS command line and SDKs
	"BUNDLE_SSL_CA_CERT",                 // Ruby's bundler
	"CARGO_HTTP_CAINFO",                  // cargo
	"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", // gcloud
	"COMPOSER_CAFILE",                    // PHP's composer
	"CURL_CA_BUNDLE",                     // curl
	"DENO_CERT",                          // deno
	"GIT_SSL_CAINFO",                     // git
	"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	"HEX_CACERTS_PATH",        // Elixir's hex
	"NODE_EXTRA_CA_CERTS",     // Node.js, yarn
	"NPM_CONFIG_CAFILE",       // npm
	"PIP_CERT",                // pip
	"REQUESTS_CA_BUNDLE",      // Python's requests
	"SSL_CERT_FILE",           // OpenSSL, Go, Ruby, Rust's native-tls, uv
	"YARN_HTTPS_CA_FILE_PATH", // yarn 2 and later
}

// Variables are the names, sorted.
func Variables() []string { return append([]string(nil), variables...) }

// Missing are those of [Variables] that env (NAME=value) does not set. What a step sets by itself stays.
func Missing(env []string) []string {
	have := make(map[string]bool, len(env))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		have[name] = true
	}
	var out []string
	for _, v := range variables {
		if !have[v] {
			out = append(out, v)
		}
	}
	sort.Strings(out)
	return out
}

// Env is env with every missing variable set to [File].
func Env(env []string) []string {
	out := append([]string(nil), env...)
	for _, v := range Missing(env) {
		out = append(out, v+"="+File)
	}
	return out
}
