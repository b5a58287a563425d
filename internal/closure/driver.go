package closure

import "github.com/lighten/lighten/internal/lazy"

var driver = lazy.MustCompile(`\b[a-z][a-z0-9]{1,31}\+([a-z][a-z0-9_]{1,31})://`)

// driverFacts finds the modules that addresses of databases and brokers name as their drivers: asyncpg of "postgresql+asyncpg://db/shop".
func driverFacts(b []byte, facts map[string]bool) {
	for _, m := range driver.FindAllSubmatch(b, maxWords) {
		facts[factString+string(m[1])] = true
	}
}
