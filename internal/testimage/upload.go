package testimage

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// uploader stands in front of the library's registry for what that does in its own way: it collects a blob sent by
// PATCH, as every client sends a layer, in memory, and refuses the open range "bytes=N-" with which a client resumes
// a broken download.
type uploader struct {
	next  http.Handler
	store *blobs
}

var blobPath = regexp.MustCompile(`^/v2/.+/blobs/(sha256|sha512):([0-9a-f]+)$`)

var uploadPath = regexp.MustCompile(`^/v2/(.+)/blobs/uploads/([A-Z2-7]*)$`)

func (u *uploader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m := blobPath.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodGet {
		if p, _, err := u.store.find(v1.Hash{Algorithm: m[1], Hex: m[2]}); err == nil {
			w.Header().Set("Docker-Content-Digest", m[1]+":"+m[2])
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeFile(w, r, p)
			return
		}
	}
	m := uploadPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		u.next.ServeHTTP(w, r)
		return
	}
	var err error
	switch repo, id := m[1], m[2]; {
	case r.Method == http.MethodPost && r.URL.Query().Get("digest") != "", r.Method == http.MethodPost && r.URL.Query().Get("mount") != "":
		u.next.ServeHTTP(w, r)
	case r.Method == http.MethodPost:
		w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+rand.Text())
		w.Header().Set("Range", "0-0")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPatch && id != "":
		err = u.patch(w, r, repo, id)
	case r.Method == http.MethodPut && id != "":
		err = u.finish(w, r, repo, id)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
	if err != nil {
		http.Error(w, fmt.Sprintf(`{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":%q}]}`, err), http.StatusBadRequest)
	}
}

func (u *uploader) patch(w http.ResponseWriter, r *http.Request, repo, id string) error {
	n, err := u.append(id, r.Body)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(n-1, 0)))
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// append adds body to an upload and returns its size.
func (u *uploader) append(id string, body io.Reader) (int64, error) {
	f, err := os.OpenFile(filepath.Join(u.store.dir, "part-"+id), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := io.Copy(f, body); err != nil {
		return 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), f.Close()
}

func (u *uploader) finish(w http.ResponseWriter, r *http.Request, repo, id string) error {
	want, err := v1.NewHash(r.URL.Query().Get("digest"))
	if err != nil {
		return err
	}
	if _, err := u.append(id, r.Body); err != nil {
		return err
	}
	part := filepath.Join(u.store.dir, "part-"+id)
	defer os.Remove(part)
	f, err := os.Open(part)
	if err != nil {
		return err
	}
	defer f.Close()
	got, _, err := v1.SHA256(f)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("upload has digest %s, not %s", got, want)
	}
	p := filepath.Join(u.store.dir, got.Algorithm, got.Hex)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	if err := os.Rename(part, p); err != nil {
		return err
	}
	w.Header().Set("Docker-Content-Digest", got.String())
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+got.String())
	w.WriteHeader(http.StatusCreated)
	return nil
}
