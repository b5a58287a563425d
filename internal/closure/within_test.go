package closure_test

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lighten/lighten/internal/closure"
	"github.com/lighten/lighten/internal/testimage"
)

// What code asks for that stands in a script of another language stays as what sources ask for.
func TestCodeWithin(t *testing.T) {
	const lib, site, perl = "/usr/lib/python3.11/", "/usr/lib/python3/dist-packages/", "/usr/share/perl5/"
	tree := testimage.Tree{lib + "os.py": "file 0644 x", lib + "crypt.py": "file 0644 x", lib + "pdb.py": "file 0644 x", lib + "cProfile.py": "file 0644 x", "/usr/bin/perl": exe + amd64(""), "/usr/bin/python3": exe + amd64(""), "/bin/sh": exe + amd64("")}
	var status []string
	pkg := func(name, file string) {
		status = append(status, name)
		tree[file] = "file 0644 x"
		tree["/var/lib/dpkg/info/"+name+".list"] = "file 0644 " + file + "\n"
	}
	for _, name := range []string{"yaml", "requests", "jinja2", "lxml", "html", "told", "when", "never"} {
		pkg("python3-"+name, site+name+".py")
	}
	for _, name := range []string{"JSON", "Text", "Date", "Other"} {
		pkg("lib"+name, perl+name+".pm")
	}
	tree["/var/lib/dpkg/status"] = "file 0644 " + statusOf(status...)
	const never = "package not needed"
	for _, c := range []keepCase{
		{
			name: "Python in a here-document, behind -c and by -m",
			tree: join(tree, testimage.Tree{
				"/app/main.py": "file 0644 subprocess.run(['jobs/' + name])\n", "/app/jobs/a": "file 0755 #!/bin/sh\n# from told import this\npython3 - <<X\nimport json, yaml\nX\n",
				"/app/jobs/b.sh": "file 0755 #!/bin/sh\nv=$(python3 -c \"import requests, sys; print(1)\")\npython3 -W ignore -c 'if 1: import crypt'\npython3 -m html x\n",
				"/app/jobs/c.py": "file 0644 run([sys.executable, '-c', 'from lxml import etree; etree.x()'])\n", "/app/jobs/d": "file 0755 #!/usr/bin/python3\ndef f():\n    from when import x\n",
				"/app/e.js": "file 0644 import never from 'never'\n",
			}),
			stays: site + "yaml.py " + site + "requests.py " + site + "lxml.py " + site + "html.py " + site + "when.py " + lib + "crypt.py", goes: map[string]string{site + "told.py": never, site + "never.py": never, lib + "cProfile.py": "Python's own tests, tools and what is given up"},
		},
		{
			name: "Perl in a here-document, behind -e and by -M",
			tree: join(tree, testimage.Tree{
				"/app/a": "file 0755 #!/bin/bash\necho x | perl -MJSON -0777 -ne 'print 1'\nperl -e 'use Text; x()'\nperl <<'P'\nuse strict;\nuse Date;\nP\n", "/app/b": "file 0755 #!/bin/sh\nuse Other\n",
			}),
			stays: perl + "JSON.pm " + perl + "Text.pm " + perl + "Date.pm", level: closure.Tight, goes: map[string]string{perl + "Other.pm": never},
		},
	} {
		c.config, c.looked = v1.Config{WorkingDir: "/app"}, "open "+lib+"os.py\nexec /usr/bin/python3\nexec /usr/bin/perl\nexec /bin/sh"
		t.Run(c.name, c.run)
	}
}
