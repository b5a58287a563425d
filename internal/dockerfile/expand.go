package dockerfile

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// environment is what a word is expanded with.
type environment map[string]string

// Get implements BuildKit's shell.EnvGetter.
func (e environment) Get(name string) (string, bool) { v, ok := e[name]; return v, ok }

// Keys implements BuildKit's shell.EnvGetter.
func (e environment) Keys() []string { return slices.Sorted(maps.Keys(e)) }

// Expand replaces variables in a word: with s nil those that FROM sees (the ARG above the first FROM), else those that
// the last instruction of the stage sees (ENV and ARG, inherited ones too). A variable without
// a known value stays as written.
func (d *Document) Expand(w string, s *Stage) string {
	if s == nil {
		return d.expand(w, d.metaArgs())
	}
	return d.expand(w, d.environment(s, nil))
}

// Expand replaces variables in a word with the values that hold at the instruction.
func (i *Instruction) Expand(w string) string {
	if i.Stage == nil || i.BuildStage != nil {
		return i.doc.expand(w, i.doc.metaArgs())
	}
	return i.doc.expand(w, i.doc.environment(i.Stage, i))
}

// Env is the environment that ENV instructions give to the instruction, inherited ones
// included and ARG not; what a base image sets is not known here.
func (i *Instruction) Env() map[string]string {
	if i.Stage == nil {
		return nil
	}
	env, _ := i.doc.variables(i.Stage, i)
	return env
}

func (d *Document) expand(w string, env environment) string {
	lex := shell.NewLex(rune(d.Escape))
	lex.SkipUnsetEnv = true
	out, _, err := lex.ProcessWord(w, env)
	if err != nil {
		return w
	}
	return out
}

// metaArgs are the variables that FROM sees.
func (d *Document) metaArgs() environment {
	env := environment{}
	for _, i := range d.MetaArgs {
		d.addArgs(env, i, nil)
	}
	return env
}

// addArgs declares the variables of an ARG instruction in env. meta holds the values
// that a stage's ARG without default takes over; nil above the first FROM.
func (d *Document) addArgs(env environment, i *Instruction, meta environment) {
	arg, ok := i.Command.(*instructions.ArgCommand)
	if !ok {
		return
	}
	for _, a := range arg.Args {
		given, isGiven := d.BuildArgs[a.Key]
		inherited, isInherited := meta[a.Key]
		switch {
		case isGiven:
			env[a.Key] = given
		case a.Value != nil:
			env[a.Key] = d.expand(*a.Value, env)
		case isInherited:
			env[a.Key] = inherited
		}
	}
}

// environment is what words of the stage see before the instruction until (nil: at its end).
func (d *Document) environment(s *Stage, until *Instruction) environment {
	env, args := d.variables(s, until)
	for name, v := range args {
		if _, ok := env[name]; !ok { // ENV wins over ARG
			env[name] = v
		}
	}
	return env
}

// variables collects ENV and ARG of the stage, ENV of the stages it is built on included.
func (d *Document) variables(s *Stage, until *Instruction) (env, args environment) {
	env, args = environment{}, environment{}
	if s.Parent != nil {
		env, _ = d.variables(s.Parent, nil)
	}
	meta := d.metaArgs()
	for _, i := range s.Instructions {
		if i == until || (until != nil && i.Trigger == until) {
			break
		}
		both := maps.Clone(args)
		maps.Copy(both, env)
		switch c := i.Command.(type) {
		case *instructions.ArgCommand:
			d.addArgs(both, i, meta)
			for _, a := range c.Args {
				if v, ok := both[a.Key]; ok {
					args[a.Key] = v
				}
			}
		case *instructions.EnvCommand:
			for _, kv := range c.Env {
				env[d.expand(kv.Key, both)] = d.expand(kv.Value, both)
			}
		}
	}
	return env, args
}

// Mounts are the --mount flags of RUN with their variables replaced.
func (i *Instruction) Mounts() ([]*instructions.Mount, error) {
	if _, ok := i.Command.(*instructions.RunCommand); !ok {
		return nil, nil
	}
	typed, err := instructions.ParseInstruction(i.node) // BuildKit expands in place
	if err != nil {
		return nil, i.doc.wrap(err, i)
	}
	run := typed.(*instructions.RunCommand)
	if err := run.Expand(func(w string) (string, error) { return i.Expand(w), nil }); err != nil {
		return nil, i.doc.wrap(err, i)
	}
	return instructions.GetMounts(run), nil
}

// checkMounts finds at once what BuildKit would find when it comes to the instruction. A mount
// with variables may get values that are not known here.
func (i *Instruction) checkMounts() error {
	if i.Name != "RUN" || i.Flag("mount") == nil {
		return nil
	}
	for _, f := range i.Flags {
		if strings.Contains(f.Value, "$") {
			return nil
		}
	}
	if _, err := i.Mounts(); err != nil {
		return err
	}
	return nil
}
