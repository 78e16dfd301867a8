package dropin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// instruction is one of a Dockerfile: RUN and what follows, say.
type instruction struct{ word, rest string }

// stage is what follows a FROM.
type stage struct {
	name, base   string
	instructions []instruction
}

var from = regexp.MustCompile(`^(\S+)(?: AS (\S+))?$`)

// readDockerfile parses what the Dockerfile uses of the language: comments, and lines
// that end in a backslash.
func readDockerfile(path string) (stages []*stage, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(string(b), "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "":
		case word == "FROM":
			m := from.FindStringSubmatch(rest)
			if m == nil {
				return nil, fmt.Errorf("no FROM: %q", line)
			}
			stages = append(stages, &stage{base: m[1], name: m[2]})
		case len(stages) == 0:
			return nil, fmt.Errorf("%q comes before FROM", line)
		default:
			s := stages[len(stages)-1]
			s.instructions = append(s.instructions, instruction{word, rest})
		}
	}
	return stages, nil
}

// built is an image, and those that it is made of.
type built struct {
	stages []*stage
	dirs   map[string]string // of stages that are made from others here: where / is
}

// final is the stage that docker build makes an image of.
func (b *built) final() *stage { return b.stages[len(b.stages)-1] }

// the values of an instruction of the final stage.
func (b *built) values(word string) (all []string) {
	for _, i := range b.final().instructions {
		if i.word == word {
			all = append(all, i.rest)
		}
	}
	return all
}

// root is the file system that the image adds to its base.
func (b *built) root() string { return b.dirs[""] }

// build carries out the stages in order: their commands run on this machine, each
// stage in a directory of its own.
func build(context, dir string) (*built, error) {
	stages, err := readDockerfile(filepath.Join(context, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	b := &built{stages, map[string]string{}}
	for n, s := range stages {
		root := filepath.Join(dir, fmt.Sprint("stage-", n))
		if err := os.Mkdir(root, 0o755); err != nil {
			return nil, err
		}
		m := &maker{built: b, context: context, root: root, workdir: "/"}
		if under, ok := b.dirs[s.base]; ok {
			if err := clone(under, root); err != nil {
				return nil, err
			}
			m.workdir = "/src"
		}
		for _, i := range s.instructions {
			if err := m.do(i); err != nil {
				return nil, fmt.Errorf("%s %s: %w", i.word, i.rest, err)
			}
		}
		b.dirs[s.name] = root
	}
	return b, nil
}

// maker carries out a stage.
type maker struct {
	*built
	context, root, workdir string
	env                    []string
}

// at is where a path of the stage is on this machine.
func (m *maker) at(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(m.workdir, path)
	}
	return filepath.Join(m.root, path)
}

func (m *maker) do(i instruction) error {
	switch i.word {
	case "WORKDIR":
		m.workdir = i.rest
		return os.MkdirAll(m.at("."), 0o755)
	case "ENV", "ARG":
		m.env = append(m.env, strings.Fields(i.rest)...)
	case "COPY":
		return m.copy(strings.Fields(i.rest))
	case "RUN":
		c := exec.Command("sh", "-ec", i.rest)
		c.Dir, c.Env = m.at("."), append(os.Environ(), m.env...)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	case "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD":
	default:
		return errors.New("no such instruction, or none that is used here")
	}
	return nil
}

func (m *maker) copy(words []string) error {
	if name, ok := strings.CutPrefix(words[0], "--from="); ok {
		dir, ok := m.dirs[name]
		if !ok {
			return fmt.Errorf("there is no stage %s", name)
		}
		return clone(filepath.Join(dir, words[1]), m.at(words[2]))
	}
	ignored, err := os.ReadFile(filepath.Join(m.context, ".dockerignore"))
	if err != nil {
		return err
	}
	names := strings.Fields(string(ignored))
	to := words[len(words)-1]
	for _, what := range words[:len(words)-1] {
		if err := copyTree(filepath.Join(m.context, what), m.at(to), names); err != nil {
			return err
		}
	}
	return nil
}

// clone copies what is in a directory, with modes and links.
func clone(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// copyTree copies a file into a directory, or what is in a directory but for some
// names.
func copyTree(what, to string, but []string) error {
	return filepath.WalkDir(what, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(what, path)
		if err != nil {
			return err
		}
		if slices.Contains(but, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if path == what && !d.IsDir() {
			name = d.Name()
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, info.Mode())
	})
}
