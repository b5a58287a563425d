package image_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	apitypes "github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/services/content/contentserver"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lighten/lighten/internal/image"
	"github.com/lighten/lighten/internal/testimage"
)

const containerdName = "docker.io/library/shop:1"

// An image comes out of containerd as it is, by its whole name and by the short one; what is not there is named.
func TestContainerd(t *testing.T) {
	img := testimage.Image(t, v1.Config{}, testimage.Tree{"/a": "file 0644 12345"}, testimage.Tree{"/b": "file 0600 1"})
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, serve := range map[string]func(*testing.T, v1.Image) string{"its protocol": serveContainerd, "the daemon": startContainerd} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CONTAINERD_ADDRESS", serve(t, img))
			for _, ref := range []string{"containerd:" + containerdName, "containerd:shop:1"} {
				back := mustOpen(t, ref, image.Options{})
				if got, err := back.Digest(); err != nil || got != want {
					t.Errorf("%s is %s, %v", ref, got, err)
				}
				if e := readTree(t, back).Get("/b"); e == nil || e.Size != 1 {
					t.Errorf("%s: /b is %+v", ref, e)
				}
			}
			list, err := image.List(t.Context(), "containerd:shop:1", image.Options{})
			if err != nil || len(list.Images) != 1 {
				t.Errorf("%+v, %v", list, err)
			}
			refuses(t, "containerd:shop:2", `no such image in its name space "default"`)
			t.Setenv("CONTAINERD_NAMESPACE", "moby")
			refuses(t, "containerd:shop:1", `no such image in its name space "moby"`)
		})
	}
	t.Setenv("CONTAINERD_ADDRESS", filepath.Join(t.TempDir(), "none"))
	refuses(t, "containerd:shop:1", "is it running")
	if err := image.CheckDestination("containerd:shop:1"); err == nil || !strings.Contains(err.Error(), "ctr images import") {
		t.Error(err)
	}
}

func refuses(t *testing.T, ref, want string) {
	t.Helper()
	if _, err := image.Open(t.Context(), ref, image.Options{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got error %v, want one with %q", ref, err, want)
	}
}

// serveContainerd serves containerd's own content service, on a store of its own, and one image.
func serveContainerd(t *testing.T, img v1.Image) string {
	dir := t.TempDir()
	if err := image.Write(t.Context(), img, "oci:"+dir, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	store, err := local.NewStore(dir) // which keeps its blobs as a layout does
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	contentapi.RegisterContentServer(s, contentserver.New(store))
	imagesapi.RegisterImagesServer(s, oneImage{img: img})
	go s.Serve(l) //nolint:errcheck // ends by Stop
	t.Cleanup(s.Stop)
	return socket
}

type oneImage struct {
	imagesapi.UnimplementedImagesServer
	img v1.Image
}

func (i oneImage) Get(ctx context.Context, r *imagesapi.GetImageRequest) (*imagesapi.GetImageResponse, error) {
	if space, err := namespaces.NamespaceRequired(ctx); err != nil || space != "default" || r.Name != containerdName {
		return nil, status.Error(codes.NotFound, r.Name)
	}
	media, err := i.img.MediaType()
	if err != nil {
		return nil, err
	}
	digest, err := i.img.Digest()
	if err != nil {
		return nil, err
	}
	size, err := i.img.Size()
	if err != nil {
		return nil, err
	}
	return &imagesapi.GetImageResponse{Image: &imagesapi.Image{Name: r.Name, Target: &apitypes.Descriptor{MediaType: string(media), Digest: digest.String(), Size: size}}}, nil
}

// startContainerd has a containerd of the test's own load the image.
func startContainerd(t *testing.T, img v1.Image) string {
	testimage.Need(t, "root", "containerd", "ctr")
	dir := t.TempDir()
	socket, config, archive := filepath.Join(dir, "sock"), filepath.Join(dir, "config.toml"), filepath.Join(dir, "image.tar")
	text := "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\nroot = \"" + dir + "/root\"\nstate = \"" + dir + "/state\"\n[grpc]\naddress = \"" + socket + "\"\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := image.Write(t.Context(), img, "oci-archive:"+archive+":"+containerdName, image.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("containerd", "--config", config)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait() // it was interrupted
	})
	var out []byte
	var err error
	for range 100 { // until the daemon listens
		if out, err = exec.Command("ctr", "--address", socket, "images", "import", "--no-unpack", archive).CombinedOutput(); err == nil {
			return socket
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%v\n%s", err, out)
	return ""
}
