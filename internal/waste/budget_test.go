package waste_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/check"
	"github.com/lighten/lighten/internal/testimage"
	"github.com/lighten/lighten/internal/waste"
)

func TestParseLimit(t *testing.T) {
	for _, tt := range []struct {
		what, text string
		want       float64
		fault      string
	}{
		{"wasted", "20MB", 20e6, ""}, {"wasted", "1MiB", 1 << 20, ""}, {"wasted", "0", 0, ""}, {"wasted", "-1MB", 0, "size"}, {"wasted", "95%", 0, "size"},
		{"efficiency", "95%", 0.95, ""}, {"efficiency", "0.9", 0.9, ""}, {"efficiency", "95", 0, "share"}, {"efficiency", "NaN", 0, "share"}, {"efficiency", "", 0, "share"},
		{"layers", "12", 12, ""}, {"layers", "-1", 0, "number"}, {"secrets", "0", 0, ""}, {"secrets", "1MB", 0, "number"}, {"apt-lists", "0", 0, ""}, {"apt-lists", "3kB", 3000, ""},
		{"nonsense", "1", 0, "no such thing"},
	} {
		l, err := waste.ParseLimit(tt.what, tt.text, "a test")
		if tt.fault == "" && (err != nil || l.Value != tt.want) || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
			t.Errorf("%s %q: %v, %v", tt.what, tt.text, l.Value, err)
		}
	}
}

func TestFound(t *testing.T) {
	a := analyseTrees(t, testimage.Tree{"/a": "zeros 0644 300", "/etc/x": "file 4755 1", "/app/.git/a": "zeros 0644 40"}, testimage.Tree{"/a": "zeros 0644 150"})
	for what, want := range map[string]float64{
		"efficiency": 191.0 / 491, "wasted": 300, "user-wasted": 1, "disk": 491, "layers": 2, "setuid": 1, "vcs": 40, "overwritten": 300, "apt-lists": 0, "secrets": 0,
	} {
		if got := a.Found(waste.Limit{What: what}); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

// dive's file is read as dive reads it: what it does not say has dive's defaults.
func TestParseDive(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: 0.20\n", "[efficiency=0.95 wasted=2e+07 user-wasted=0.2]"},
		{"rules:\n  lowestEfficiency: disabled\n  highestWastedBytes: 20Mb\n  plugin1/rule1: error\n", "[wasted=2e+07 user-wasted=0.1]"},
		{"", "[efficiency=0.9 user-wasted=0.1]"},
		{"rules:\n  lowestEfficiency: 2\n", "lowestEfficiency"},
		{"rules: [", "reading .dive-ci"},
	} {
		limits, err := waste.ParseDive(".dive-ci", []byte(tt.src))
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q: %v", tt.src, err)
			}
			continue
		}
		var got []string
		for _, l := range limits {
			got = append(got, fmt.Sprintf("%s=%v", l.What, l.Value))
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%q: %v, want %s", tt.src, got, tt.want)
		}
	}
}

func FuzzParseDive(f *testing.F) {
	f.Add([]byte("rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: \"0.1\"\n"))
	f.Add([]byte("rules:\n  lowestEfficiency: [1]\n"))
	f.Add([]byte("rules: &a\n  x: *a\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		limits, err := waste.ParseDive("f", src)
		if err != nil {
			return
		}
		for _, l := range limits {
			if l.Value < 0 || math.IsNaN(l.Value) || l.Unit() == waste.Share && l.Value > 1 {
				t.Errorf("%s: %v", l.What, l.Value)
			}
		}
	})
}

func TestFileLimits(t *testing.T) {
	f, err := check.Parse("lighten.yaml", []byte("budget:\n  pull: 60MB\n  efficiency: 95%\n  wasted: 0\n  layers: 12\n  findings: {secrets: 0, apt-lists: 1MB}\n"))
	if err != nil {
		t.Fatal(err)
	}
	limits, err := waste.FileLimits("lighten.yaml", f.Budget)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range limits {
		got = append(got, fmt.Sprintf("%s=%v", l.What, l.Value))
	}
	if want := "[efficiency=0.95 wasted=0 pull=6e+07 layers=12 apt-lists=1e+06 secrets=0]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if _, err := waste.FileLimits("lighten.yaml", check.Budget{Findings: map[string]string{"apt-list": "0"}}); err == nil {
		t.Error("an unknown rule is taken")
	}
}

// What is measured is what compressing without the files saves: noise saves all of its bytes, what compresses well nearly none.
func TestMeasure(t *testing.T) {
	img := testimage.Image(t, v1Config, testimage.Tree{"/root/.cache/pip/noise": "noise 0644 500000", "/var/log/zeros": "zeros 0644 500000", "/a": "noise 0644 1000"})
	a := analyse(t, img)
	if err := a.Measure(t.Context(), img, nil); err != nil {
		t.Fatal(err)
	}
	found := map[string]waste.Finding{}
	for _, f := range a.Findings {
		found[f.Rule] = f
	}
	if f := found["pip-cache"]; !f.Exact || f.Pull < 500000 || f.Pull > 505000 {
		t.Errorf("noise: %+v", f.Amount)
	}
	if f := found["logs"]; !f.Exact || f.Pull <= 0 || f.Pull > 5000 {
		t.Errorf("zeros: %+v", f.Amount)
	}
}

// What the waste takes to pull is the sum of its kinds after measuring too.
func TestMeasureWasted(t *testing.T) {
	img := testimage.Image(t, v1Config,
		testimage.Tree{"/a": "noise 0644 200000", "/b": "zeros 0644 300000", "/d/x": "noise 0644 100000", "/keep": "zeros 0644 400000"},
		testimage.Tree{"/.wh.a": "file 0644", "/b": "zeros 0600 300000", "/.wh.d": "file 0644"})
	a := analyse(t, img)
	estimated := a.Wasted.Pull
	if err := a.Measure(t.Context(), img, nil); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, f := range a.Findings {
		if f.Class == waste.Overlay {
			sum += f.Pull
		}
	}
	if a.Wasted.Pull != sum || sum == estimated || sum < 300000 {
		t.Errorf("%d bytes wasted, its kinds are %d, estimated were %d", a.Wasted.Pull, sum, estimated)
	}
}

// A layer is compressed in pieces, of which those without findings are left out: the sum is what compressing all of it at once
// says, but for what beginning anew costs.
func TestMeasurePieces(t *testing.T) {
	tree := testimage.Tree{}
	want := int64(0)
	for n := range 40 {
		tree[fmt.Sprintf("/app/%02d/data", n)] = "noise 0644 150000"
		if n%10 == 0 {
			tree[fmt.Sprintf("/app/%02d/.cache/pip/x", n)] = fmt.Sprintf("noise 0644 %d", 20000+n)
			want += int64(20000 + n)
		}
	}
	a := analyse(t, testimage.Image(t, v1Config, tree))
	img := testimage.Image(t, v1Config, tree)
	layers := 0
	if err := a.Measure(t.Context(), img, func(int) { layers++ }); err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Findings {
		if f.Rule == "pip-cache" && (f.Pull < want || f.Pull > want+8000) {
			t.Errorf("%d bytes, want some more than %d", f.Pull, want)
		}
	}
	if layers != 1 {
		t.Errorf("%d layers measured", layers)
	}
}

// What `tar -S` writes of a file with a hole is measured as the file that it is.
func TestMeasureSparse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/x.log", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(dir+"/x.log", 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"gnu", "posix"} {
		out, err := exec.Command("tar", "-C", dir, "--transform=s,^,var/log/,", "--format", format, "-cS", "x.log").Output()
		if err != nil {
			t.Fatal(err)
		}
		img := testimage.ImageOf(t, v1Config, testimage.ArchiveLayer(t, out))
		a := analyse(t, img)
		if err := a.Measure(t.Context(), img, nil); err != nil {
			t.Fatal(err)
		}
		if f := a.Findings[0]; f.Rule != "logs" || f.Bytes != 1<<20 || !f.Exact {
			t.Errorf("%s: %s %+v", format, f.Rule, f.Amount)
		}
	}
}
