package definitions

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/leveretmq/leveret/broker"
)

// File is a file of definitions, or what stands for one.
type File struct {
	Name string
	Data []byte
}

// ReadPath reads a file, or all .json files of a directory in the order of their
// names.
func ReadPath(path string) (files []File, err error) {
	names := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if names, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{name, data})
	}
	return files, nil
}

// Loaded are the definitions of some files together.
type Loaded struct {
	broker.Definitions
	sum string
}

// Load reads files, of which each adds to those before.
func Load(files ...File) (Loaded, error) {
	var all Loaded
	sum := sha256.New()
	for _, f := range files {
		d, err := Parse(f.Data)
		if err != nil {
			return Loaded{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		all.Users = append(all.Users, d.Users...)
		all.Permissions = append(all.Permissions, d.Permissions...)
		all.TopicPermissions = append(all.TopicPermissions, d.TopicPermissions...)
		all.GlobalParameters = append(all.GlobalParameters, d.GlobalParameters...)
		all.Vhosts = append(all.Vhosts, d.Vhosts...)
		fmt.Fprintf(sum, "%d\n%s", len(f.Data), f.Data)
	}
	all.sum = hex.EncodeToString(sum.Sum(nil))
	return all, nil
}

// Same tells whether these are what the broker remembers.
func (l Loaded) Same(b *broker.Broker) bool {
	return slices.ContainsFunc(b.GlobalParameters(), func(p broker.Parameter) bool {
		return p.Name == hashParameter && string(p.Value) == string(l.hash())
	})
}

// Remember has the broker remember that it has imported them.
func (l Loaded) Remember(b *broker.Broker) error {
	return b.SetGlobalParameter(hashParameter, l.hash())
}

func (l Loaded) hash() json.RawMessage { return json.RawMessage(`"` + l.sum + `"`) }

// MakesVhosts tells whether there are vhosts in it.
func (l Loaded) MakesVhosts() bool {
	return slices.ContainsFunc(l.Vhosts, func(v broker.VhostDefinitions) bool { return v.Make })
}

// Idle are the components whose parameters are kept and do nothing.
func (l Loaded) Idle() (components []string) {
	for _, v := range l.Vhosts {
		for _, p := range v.Parameters {
			if p.Component != vhostLimits && p.Component != operatorPolicy && !slices.Contains(components, p.Component) {
				components = append(components, p.Component)
			}
		}
	}
	return components
}
