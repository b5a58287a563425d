package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lighten/lighten/internal/access"
)

// retries is how often a request, and how often a blob that breaks off, is tried: after 0.5 s, 1.5 s and 4.5 s. A
// registry that limits its rate wants longer; the message says so then.
var retries = remote.Backoff{Duration: 500 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 4}

// userAgent is sent to registries, which ask for one.
const userAgent = "lighten"

func remoteOptions(ctx context.Context, o Options) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(o.Access.Transport()), remote.WithPlatform(o.platform()),
		remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithRetryBackoff(retries), remote.WithUserAgent(userAgent),
	}
}

// openRegistry opens an image of a registry.
func openRegistry(ctx context.Context, ref string, o Options) (img v1.Image, err error) {
	err = atEndpoints(ctx, ref, o, func(puller *remote.Puller, at name.Reference) error {
		img, err = openRemote(ctx, puller, at, o)
		return err
	})
	return img, err
}

// atEndpoints asks the mirrors of the reference's registry and then the registry itself, until one answers.
func atEndpoints(ctx context.Context, ref string, o Options, ask func(*remote.Puller, name.Reference) error) error {
	want, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	puller, err := remote.NewPuller(remoteOptions(ctx, o)...)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range o.Access.Endpoints(want.Context().RegistryStr()) {
		at, err := endpointRef(want, e)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		err = ask(puller, at)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, registryError(at, err))
	}
	return errors.Join(errs...)
}

// endpointRef is ref as it is called at an endpoint: docker.io/library/alpine:3.20 is MIRROR/library/alpine:3.20.
func endpointRef(ref name.Reference, e access.Endpoint) (name.Reference, error) {
	var opts []name.Option
	if e.PlainHTTP {
		opts = append(opts, name.Insecure)
	}
	repo := e.Host + "/" + path.Join(e.Path, ref.Context().RepositoryStr())
	if d, ok := ref.(name.Digest); ok {
		return name.NewDigest(repo+"@"+d.DigestStr(), opts...)
	}
	return name.NewTag(repo+":"+ref.Identifier(), opts...)
}

func openRemote(ctx context.Context, puller *remote.Puller, at name.Reference, o Options) (v1.Image, error) {
	d, err := puller.Get(ctx, at)
	if err != nil {
		return nil, err
	}
	var index []v1.Descriptor
	for range 8 {
		if !d.MediaType.IsIndex() {
			break
		}
		idx, err := d.ImageIndex()
		if err != nil {
			return nil, err
		}
		m, err := idx.IndexManifest()
		if err != nil {
			return nil, err
		}
		index = m.Manifests
		entry, err := choose(index, o.platform())
		if err != nil {
			return nil, err
		}
		if d, err = puller.Get(ctx, at.Context().Digest(entry.Digest.String())); err != nil {
			return nil, err
		}
	}
	if d.MediaType == types.DockerManifestSchema1 || d.MediaType == types.DockerManifestSchema1Signed {
		return nil, errors.New("an image of Docker's first format (schema 1), which registries gave up in 2024; push it again with a newer Docker")
	}
	img, err := d.Image()
	if err != nil {
		return nil, err
	}
	core := &remoteImage{Image: img, ctx: ctx, ref: at}
	whole, err := partial.CompressedToImage(core)
	if err != nil {
		return nil, err
	}
	if err := checkImage(whole, o); err != nil {
		return nil, err
	}
	return withAttestations(whole, d.Descriptor, index, remoteBlobs(ctx, puller, at.Context())), nil
}

// registryError adds to what went wrong with ref what can be done about it.
func registryError(ref name.Reference, err error) error {
	host := ref.Context().RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	return fmt.Errorf("asking %s for %s: %w%s", host, ref.Context().RepositoryStr()+separator(ref)+ref.Identifier(), short(err), advice(host, err))
}

func separator(ref name.Reference) string {
	if _, ok := ref.(name.Digest); ok {
		return "@"
	}
	return ":"
}

// statusError is a registry's answer in one line; the library's own message repeats the URL and the answer's body.
type statusError struct {
	err  error
	text string
}

func (s *statusError) Error() string { return s.text }
func (s *statusError) Unwrap() error { return s.err }

func short(err error) error {
	var te *transport.Error
	if !errors.As(err, &te) || te.StatusCode == 0 {
		return err
	}
	text := fmt.Sprintf("answer %d %s", te.StatusCode, http.StatusText(te.StatusCode))
	for _, d := range te.Errors {
		if m := strings.TrimSpace(d.Message); m != "" && !strings.EqualFold(m, http.StatusText(te.StatusCode)) {
			text += ": " + truncate(m, 300)
		}
	}
	return &statusError{err, text}
}

func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// advice is the next step for a failed request, with the separator before it; "" when there is nothing to say.
func advice(host string, err error) string {
	var te *transport.Error
	if errors.As(err, &te) {
		switch code := te.StatusCode; {
		case code == http.StatusUnauthorized || code == http.StatusForbidden:
			return fmt.Sprintf("; log in: docker login %s (and check the name: many registries answer so for what is not there)", host)
		case code == http.StatusNotFound:
			return "; check name and tag"
		case code == http.StatusTooManyRequests:
			return fmt.Sprintf("; the registry limits how much is pulled: wait, log in (docker login %s) or set a mirror", host)
		case code >= 500:
			return "; the registry is out of order: try again later or set a mirror"
		}
		return ""
	}
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &cert):
		return "; if a company's proxy signs here, give its authority with --ca FILE"
	case errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Sprintf("; if it speaks plain http, list %s under plain-http in the configuration", host)
	case errors.As(err, &dns) || errors.As(err, &op):
		return "; check the network, the proxy (HTTPS_PROXY) or set a mirror"
	}
	return ""
}
