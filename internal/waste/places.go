package waste

import "github.com/lighten/lighten/internal/needless"

const sameRun = "a later RUN that deletes them saves nothing"

// at makes a category of class Cost that is told by places.
func at(rule, title, advice string, globs ...string) *Category {
	return &Category{Rule: rule, Title: title, Class: Cost, Advice: advice, kind: needless.Kind{Name: title, Globs: globs}}
}

// of makes one of kinds that others know as well.
func of(rule, title, advice string, kinds ...needless.Kind) *Category {
	c := at(rule, title, advice)
	for _, k := range kinds {
		c.kind.Globs = append(c.kind.Globs, k.Globs...)
		c.kind.But = append(c.kind.But, k.But...)
	}
	return c
}

// caches are what package managers keep of what they fetched.
var caches = []*Category{
	at("apt-lists", "lists of apt", "end the RUN that installs with `rm -rf /var/lib/apt/lists/*`, or mount a cache there (--mount=type=cache,target=/var/lib/apt/lists); "+sameRun,
		"/var/lib/apt/lists/**"),
	at("apt-cache", "packages fetched by apt", "end the RUN that installs with `apt-get clean`, or mount a cache at /var/cache/apt; "+sameRun,
		"/var/cache/{apt,aptitude}/**"),
	at("dpkg-backups", "former states of dpkg and debconf", "end the RUN that installs with `rm -f /var/lib/dpkg/*-old /var/cache/debconf/*-old`, which nothing but a repair reads; "+sameRun,
		"/var/lib/dpkg/*-old", "/var/cache/debconf/*-old"),
	at("apk-cache", "cache of apk", "install with `apk add --no-cache`", "/var/cache/apk/**", "/etc/apk/cache/**"),
	at("dnf-cache", "cache of dnf, yum, microdnf or zypper", "end the RUN that installs with `dnf clean all` (zypper clean), or mount a cache at /var/cache/dnf; "+sameRun,
		"/var/cache/{dnf,yum,libdnf5,zypp,PackageKit}/**"),
	at("pip-cache", "cache of pip, uv, poetry or pipenv", "install with `pip install --no-cache-dir`, or mount a cache at /root/.cache/pip (uv: --no-cache, poetry: POETRY_CACHE_DIR)",
		"**/.cache/{pip,uv,pypoetry,pipenv}/**"),
	at("conda-cache", "packages fetched by conda", "end the RUN that installs with `conda clean -afy`; "+sameRun,
		"**/{conda,miniconda,miniconda3,anaconda3,miniforge3,mambaforge,micromamba}/pkgs/**"),
	at("npm-cache", "cache of npm", "end the RUN that installs with `npm cache clean --force`, or mount a cache at /root/.npm; "+sameRun,
		"**/.npm/{_cacache,_logs,_npx}/**"),
	at("yarn-cache", "cache of yarn", "end the RUN that installs with `yarn cache clean`, or mount a cache at /usr/local/share/.cache/yarn; "+sameRun,
		"**/.cache/yarn/**", "**/.yarn/berry/cache/**", "**/.yarn-cache/**"),
	at("pnpm-cache", "store and cache of pnpm", "mount a cache at the store (--mount=type=cache,target=/pnpm/store), or end the RUN with `pnpm store prune`",
		"**/.local/share/pnpm/store/**", "**/.pnpm-store/**", "**/.cache/pnpm/**", "/pnpm/store/**", "**/.bun/install/cache/**"),
	at("go-cache", "modules and build cache of Go", "build in a stage of its own and copy the program out of it",
		"**/.cache/go-build/**", "/{go,root/go,home/*/go}/pkg/{mod,sumdb}/**"),
	at("cargo-cache", "registry of cargo", "build in a stage of its own and copy the program out of it",
		"**/.cargo/{registry,git}/**", "/usr/local/cargo/{registry,git}/**"),
	at("gem-cache", "gems fetched", "end the RUN that installs with `rm -rf $(gem env gemdir)/cache`, or `bundle clean`; "+sameRun,
		"/usr/{,local/}lib/ruby/gems/*/cache/**", "/var/lib/gems/*/cache/**", "/usr/local/bundle/{,ruby/*/}cache/**", "**/.{gem,bundle}/cache/**", "**/vendor/bundle/ruby/*/cache/**"),
	at("composer-cache", "cache of composer", "install with `composer install --no-cache`", "**/.composer/cache/**", "**/.cache/composer/**"),
	at("maven-cache", "repository of Maven", "build in a stage of its own and copy the jar out of it", "**/.m2/{repository,wrapper}/**"),
	at("gradle-cache", "caches of Gradle", "build in a stage of its own and copy the jar out of it", "**/.gradle/{caches,wrapper,daemon,native}/**"),
	at("nuget-cache", "packages of NuGet", "build in a stage of its own and copy what `dotnet publish` made", "**/.nuget/packages/**", "**/.local/share/NuGet/**"),
}

// contents are what packages bring for people and builds, not for programs.
var contents = []*Category{
	of("docs", "documentation", "on Debian `path-exclude=/usr/share/doc/*` in /etc/dpkg/dpkg.cfg.d before anything is installed (dnf: --setopt=tsflags=nodocs), as slim bases do; leave those of /usr/local out in the step that brings them", needless.Documentation),
	of("man", "man pages", "on Debian `path-exclude=/usr/share/man/*` in /etc/dpkg/dpkg.cfg.d before anything is installed, as slim bases do; leave those of /usr/local out in the step that brings them", needless.ManPages),
	of("locales", "locales and translations", "on Debian `path-exclude=/usr/share/locale/*` in /etc/dpkg/dpkg.cfg.d before anything is installed; keep what LANG names",
		needless.Translations, needless.Locales),
	of("headers", "headers", "build in a stage of its own; -dev packages have no place in the final one", needless.Headers, needless.BuildFiles),
	of("static", "static libraries", "build in a stage of its own; -dev packages have no place in the final one", needless.Static),
	of("vcs", "version control", "name it in .dockerignore; what RUN clones, clone in a stage of its own", needless.VCS),
	of("debug-files", "files of debug information", "leave -dbg and -dbgsym packages out; on Debian `path-exclude=/usr/share/gdb/*` before anything is installed", needless.Debug),
	at("tests", "tests of libraries", "delete them in the RUN that installs, or let `lighten carve` prove which nobody reads; "+sameRun,
		"**/{site,dist}-packages/**/{test,tests}/**", "/usr/{,local/}lib/python3*/{test,idlelib/idle_test,unittest/test,lib2to3/tests,tkinter/test,ctypes/test,distutils/tests,sqlite3/test}/**",
		"**/node_modules/**/{test,tests,__tests__}/**", "**/gems/*/{test,tests,spec}/**", "**/gems/*/gems/*/{test,tests,spec}/**"),
	at("sources", "sources of libraries", "delete them in the RUN that installs, or build in a stage of its own; "+sameRun,
		"/usr/src/**", "**/{site,dist}-packages/**/*.{c,cc,cpp,cxx,h,hpp,pyx,pxd,f90}", "**/node_modules/**/*.{d.ts,d.mts,d.cts,ts.map,js.map,cjs.map,mjs.map,flow}", "**/gems/**/*.{c,h,o}",
		"/{usr/lib/jvm,opt/java}/**/src.zip", "/{usr/lib/jvm,opt/java}/**/{demo,sample,jmods}/**"),
	of("logs", "log files", "delete them in the RUN that writes them, or send logs to standard output; "+sameRun, needless.Logs,
		needless.Kind{Globs: []string{"**/{npm,yarn,pnpm}-debug.log*", "/root/.npm/_logs/**"}}),
	at("temporary", "temporary files", "delete them in the RUN that writes them; "+sameRun,
		"/tmp/**", "/var/tmp/**", "**/*.{swp,swo}", "**/{.DS_Store,Thumbs.db}", "/root/.{bash_history,ash_history,python_history,wget-hsts,lesshst}", "/{core,root/core}"),
}
