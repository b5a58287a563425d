// Package trust knows where a build step finds a certificate authority that is handed in, and which environment
// variables make programs read it.
package trust

import (
	"slices"
	"strings"
)

// Dir is where lighten's own mounts are in a container. It lies below /dev because that is a tmpfs in every
// container: mount points made there never reach a layer.
const Dir = "/dev/.lighten/"

// File is the bundle's place in a step's container, below /dev for the same reason.
const File = "/dev/.lighten-ca.pem"

// Store is the place of the same as Java reads it: see [KeyStore].
const Store = "/dev/.lighten-ca.jks"

// Names among a session's secrets: of the bundle in both forms, and of what variables are set to.
const (
	bundleID = "lighten.ca"
	storeID  = "lighten.ca.jks"
	pathID   = "lighten.ca.path"
	javaID   = "lighten.ca.java"
)

// Form is one in which a step finds the bundle.
type Form struct {
	ID    string // of its secret
	Place string // in the step's container
}

// Forms are all of them.
var Forms = []Form{{bundleID, File}, {storeID, Store}}

// Variable is an environment variable that makes programs read the bundle.
type Variable struct {
	Name, Value string
	ID          string // of the secret whose value is Value
}

// Secrets are what a session hands out for a bundle, by name.
func Secrets(bundle []byte) (map[string][]byte, error) {
	store, err := KeyStore(bundle)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{bundleID: bundle, storeID: store, pathID: []byte(File), javaID: []byte(javaOptions)}, nil
}

// bundles name a PEM bundle to the program that reads them.
var bundles = []string{
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

// options are what programs hand to the Java that they start, quietly: JAVA_TOOL_OPTIONS reaches every Java, but each one says so
// where others read its version.
var options = []string{"GRADLE_OPTS", "MAVEN_OPTS"}

const javaOptions = "-Djavax.net.ssl.trustStore=" + Store + " -Djavax.net.ssl.trustStoreType=jks"

// variables are all of them, sorted by name.
var variables = func() (all []Variable) {
	for _, name := range bundles {
		all = append(all, Variable{name, File, pathID})
	}
	for _, name := range options {
		all = append(all, Variable{name, javaOptions, javaID})
	}
	slices.SortFunc(all, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return all
}()

// Missing are the variables that env (NAME=value) does not set. What a step sets by itself stays.
func Missing(env []string) []Variable {
	return slices.DeleteFunc(slices.Clone(variables), func(v Variable) bool { return find(env, v.Name) >= 0 })
}

// find returns where env sets a variable, -1 if it does not.
func find(env []string, name string) int {
	return slices.IndexFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
}

// Env is env with every missing variable. Options that a step sets by itself are added to, unless they name a key store.
func Env(env []string) []string {
	out := slices.Clone(env)
	for _, name := range options {
		if at := find(out, name); at >= 0 && !strings.Contains(out[at], "javax.net.ssl.trustStore=") {
			out[at] += " " + javaOptions
		}
	}
	for _, v := range Missing(env) {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}
