package closure_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What a person copied into the image stays at the level safe, although nothing names it; what builds need, languages bring or a base
// image holds does not.
func TestCopied(t *testing.T) {
	img := testimage.Image(t, v1.Config{})
	for _, l := range []struct {
		by   string
		tree testimage.Tree
	}{
		{"/bin/sh -c #(nop) ADD file:0a1b in / ", testimage.Tree{"/etc/os-release": "file 0644 ID=x\n", "/srv/base": "file 0644 x", "/opt/base/x": "file 0644 x"}},
		{"COPY templates /data/templates # buildkit", testimage.Tree{"/data/templates/a.html": "file 0644 x", "/data/templates/sub/b.html": "file 0644 x", "/data/gone": "file 0644 x", "/data/empty/": "dir 0755"}},
		{"/bin/sh -c #(nop) COPY dir:0a1b in /opt/tool ", testimage.Tree{"/opt/tool/rules.yaml": "file 0644 x", "/opt/tool/.git/HEAD": "file 0644 x", "/opt/tool/node_modules/a/index.js": "file 0644 x", "/opt/drop/x": "file 0644 x"}},
		{"ADD rules.conf /etc/tool/rules.conf # buildkit", testimage.Tree{"/etc/tool/rules.conf": "file 0644 x"}},
		{"COPY /install /usr/local # buildkit", testimage.Tree{"/usr/local/bin/uv": "file 0755 x", "/usr/local/lib/python3.11/site-packages/a.py": "file 0644 x", "/usr/local/share/tool/x": "file 0644 x"}},
		{"COPY /opt/venv /opt/venv # buildkit", testimage.Tree{"/opt/venv/pyvenv.cfg": "file 0644 x", "/opt/venv/bin/x": "file 0755 x"}},
		{"COPY wheels /wheels # buildkit", testimage.Tree{"/wheels/a-1-py3-none-any.whl": "file 0644 x"}},
		{"COPY .cache /root/.cache # buildkit", testimage.Tree{"/root/.cache/x": "file 0644 x", "/root/run.sh": "file 0755 x", "/tmp/x": "file 0644 x"}},
		{"RUN /bin/sh -c make COPY x # buildkit", testimage.Tree{"/data/made": "file 0644 x", "/data/.wh.gone": "file 0000", "/data/templates/a.html": "file 0600 x"}},
	} {
		var err error
		if img, err = mutate.Append(img, mutate.Addendum{Layer: testimage.Layer(t, l.tree), History: v1.History{CreatedBy: l.by}}); err != nil {
			t.Fatal(err)
		}
	}
	tree, inv := readImage(t, img)
	const hand = "/data/templates/a.html /data/templates/sub/b.html /data/empty /opt/tool/rules.yaml /etc/tool/rules.conf /usr/local/share/tool/x /root/run.sh"
	const not = "/srv/base /opt/base/x /data/gone /opt/tool/.git/HEAD /opt/tool/node_modules/a/index.js /opt/drop/x /usr/local/bin/uv /usr/local/lib/python3.11/site-packages/a.py /opt/venv/bin/x /wheels/a-1-py3-none-any.whl /root/.cache/x /tmp/x /data/made"
	for _, level := range []closure.Level{closure.Safe, closure.Tight} {
		k, err := closure.Make(closure.Input{Tree: tree, Inventory: inv, Level: level, Drop: []string{"/opt/drop/**"}})
		if err != nil {
			t.Fatal(err)
		}
		for p := range strings.FieldsSeq(hand) {
			if why := k.Why(p); (why != nil) != (level == closure.Safe && p != "/data/empty" || p == "/data/empty") {
				t.Errorf("%s: %s stays by %v", level, p, why)
			}
		}
		for p := range strings.FieldsSeq(not) {
			if k.Has(p) {
				t.Errorf("%s: %s stays: %v", level, p, k.Why(p))
			}
		}
		if level == closure.Safe && k.Reasons("/data/templates/a.html")[0].Note != "put into the image by COPY templates /data/templates" {
			t.Errorf("reasons %+v", k.Reasons("/data/templates/a.html"))
		}
	}
}

// Caches of build tools in the program's directory go; what a framework's server reads of the same directories stays.
func TestBuildCaches(t *testing.T) {
	c := keepCase{config: v1.Config{WorkingDir: "/app"}, looked: "open /app/server.js", tree: testimage.Tree{}, goes: map[string]string{}}
	for _, p := range strings.Fields(`_build/log _build/.db _build/default/bin/.tool.eobjs/byte/a.cmi _build/default/.dune/configurator dist-newstyle/cache/plan.json .next/cache/webpack/server/0.pack .next/cache/swc/x node_modules/.cache/babel/x.json .turbo/x.log .mypy_cache/3.11/a.json .gradle/8.5/x.bin
		target/release/deps/libserde.rlib target/release/.fingerprint/x tsconfig.tsbuildinfo web/.eslintcache`) {
		c.tree["/app/"+p], c.goes["/app/"+p] = "file 0644 x", "caches of build tools"
	}
	for _, p := range strings.Fields(`_build/default/bin/tool.exe _build/prod/rel/shop/bin/shop _build/prod/lib/x/ebin/x.beam server.js .next/cache/fetch-cache/x .next/cache/images/x .next/server/page.js target/release/app target/release/build/x/out/lib.so target/app.jar cache/webpack/x .cache/x`) {
		c.tree["/app/"+p] = "file 0644 x"
		c.stays += "/app/" + p + " "
	}
	c.run(t)
}
