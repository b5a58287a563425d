package vuln

import (
	"fmt"
	"strings"

	"deps.dev/util/semver"
	deb "github.com/knqyf263/go-deb-version"
	rpm "github.com/knqyf263/go-rpm-version"

	"github.com/lighten/lighten/internal/inventory"
)

// semantic are the ecosystems whose versions one library orders.
var semantic = map[string]semver.System{
	inventory.PyPI: semver.PyPI, inventory.NPM: semver.NPM, inventory.Gem: semver.RubyGems, inventory.Composer: semver.Composer, inventory.Go: semver.Go,
	inventory.Cargo: semver.Cargo, inventory.Maven: semver.Maven, inventory.Conda: semver.PyPI,
}

// Compare orders two versions as their ecosystem does: dpkg, apk, rpm, PEP 440, npm, gem, Composer, Go modules, Cargo, Maven. It is
// negative when a is older. A text that is no version of the ecosystem is an error.
func Compare(ecosystem, a, b string) (int, error) {
	switch ecosystem {
	case inventory.Deb:
		x, err := deb.NewVersion(a)
		if err != nil {
			return 0, fmt.Errorf("comparing versions: %q: %w", a, err)
		}
		y, err := deb.NewVersion(b)
		if err != nil {
			return 0, fmt.Errorf("comparing versions: %q: %w", b, err)
		}
		return x.Compare(y), nil
	case inventory.APK:
		c, err := compareAPK(a, b)
		if err != nil {
			return 0, fmt.Errorf("comparing versions: %w", err)
		}
		return c, nil
	case inventory.RPM:
		x := rpm.NewVersion(a)
		return x.Compare(rpm.NewVersion(b)), nil
	}
	system, ok := semantic[ecosystem]
	if !ok {
		return 0, fmt.Errorf("comparing versions: the order of %s is not known", ecosystem)
	}
	x, err := parse(system, a)
	if err != nil {
		return 0, err
	}
	y, err := parse(system, b)
	if err != nil {
		return 0, err
	}
	return x.Compare(y), nil
}

func parse(system semver.System, s string) (*semver.Version, error) {
	switch system {
	case semver.Go: // modules' versions begin with a v, those of OSV and of the standard library do not
		s = "v" + strings.TrimPrefix(s, "v")
		if base, _, ok := strings.Cut(s, "+"); ok { // "+incompatible", "+dirty"
			s = base
		}
	case semver.Composer:
		s = strings.TrimPrefix(s, "v")
	}
	v, err := system.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("comparing versions: %q: %w", s, err)
	}
	return v, nil
}
