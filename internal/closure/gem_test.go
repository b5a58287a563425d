package closure_test

import (
	"testing"

	"github.com/lighten/lighten/internal/testimage"
)

// What a gem loads by itself when a request first names it stays at the level tight, of gems that were read.
func TestGems(t *testing.T) {
	const none = "package not needed"
	const rails, vendor = "/usr/share/rubygems-integration/all/gems/rails-6.1.7.10/", "/usr/lib/ruby/vendor_ruby/"
	const builder = "/usr/share/rubygems-integration/all/gems/builder-3.2.4/"
	tree := testimage.Tree{
		"/var/lib/dpkg/status": "file 0644 " + statusOf("ruby-rails", "ruby-sinatra", "libruby3.1"),
		"/var/lib/dpkg/info/ruby-rails.list": "file 0644 " + rails + "lib/rails.rb\n" + rails + "lib/rails/late.rb\n" + rails + "app/mail.rb\n" + rails + "lib/rails/locale/en.yml\n" + rails + "exe/rails\n" +
			builder + "lib/builder.rb\n" + builder + "lib/builder/xml.rb\n",
		rails + "lib/rails.rb": "file 0644 x", rails + "lib/rails/late.rb": "file 0644 x", rails + "app/mail.rb": "file 0644 x", rails + "lib/rails/locale/en.yml": "file 0644 x", rails + "exe/rails": "file 0755 x",
		builder + "lib/builder.rb": "file 0644 x", builder + "lib/builder/xml.rb": "file 0644 x",
		"/var/lib/dpkg/info/ruby-sinatra.list": "file 0644 " + vendor + "sinatra.rb\n" + vendor + "sinatra/late.rb\n/usr/bin/sinatra\n", vendor + "sinatra.rb": "file 0644 x", vendor + "sinatra/late.rb": "file 0644 x", "/usr/bin/sinatra": "file 0755 x",
		"/var/lib/dpkg/info/libruby3.1.list": "file 0644 /usr/lib/ruby/3.1.0/set.rb\n/usr/lib/ruby/3.1.0/rss.rb\n", "/usr/lib/ruby/3.1.0/set.rb": "file 0644 x", "/usr/lib/ruby/3.1.0/rss.rb": "file 0644 x",
	}
	for _, c := range []keepCase{
		{
			name: "in a directory of its own", tree: tree, looked: "open " + rails + "lib/rails.rb", stays: rails + "lib/rails/late.rb " + rails + "app/mail.rb " + rails + "lib/rails/locale/en.yml",
			goes: map[string]string{rails + "exe/rails": none, builder + "lib/builder.rb": none, vendor + "sinatra.rb": none},
		},
		{name: "among others", tree: tree, looked: "open " + vendor + "sinatra.rb", stays: vendor + "sinatra/late.rb", goes: map[string]string{"/usr/bin/sinatra": none}},
		{name: "one that was missed", tree: tree, looked: "open " + rails + "lib/rails.rb", missed: "stat " + builder + "lib/builder.rb", stays: builder + "lib/builder/xml.rb"},
		{name: "one that was only looked for", tree: tree, looked: "stat " + rails + "lib/rails.rb", goes: map[string]string{rails + "lib/rails/late.rb": none}},
		{name: "not Ruby's own library", tree: tree, looked: "open /usr/lib/ruby/3.1.0/set.rb", goes: map[string]string{"/usr/lib/ruby/3.1.0/rss.rb": none}},
	} {
		c.level = "tight"
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}
