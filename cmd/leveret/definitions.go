package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/internal/control"
	"github.com/leveretmq/leveret/internal/definitions"
)

// definitionsToLoad say what is imported at the start.
type definitionsToLoad struct {
	paths           []string
	url             string
	skipIfUnchanged bool

	user, vhost bool // the default ones are configured, and not just the default
}

func newDefinitionsToLoad(set *config.Set) definitionsToLoad {
	d := definitionsToLoad{
		skipIfUnchanged: set.Bool("definitions.skip_if_unchanged"),
		user:            set.Given("default_user") || set.Given("default_pass"),
		vhost:           set.Given("default_vhost") || set.GivenBelow("leveret.vhosts"),
	}
	for _, key := range []string{"load_definitions", "management.load_definitions", "definitions.local.path"} {
		if path := set.Text(key); path != "" {
			d.paths = append(d.paths, path)
		}
	}
	if !strings.Contains(set.Text("definitions.import_backend"), "local") {
		d.url = set.Text("definitions.https.url")
	}
	return d
}

// any tells whether there is something to load.
func (d definitionsToLoad) any() bool { return len(d.paths) > 0 || d.url != "" }

// fetchLimit bounds the time that a server has for definitions.
const fetchLimit = time.Minute

// read reads all that there is to load.
func (d definitionsToLoad) read(ctx context.Context) (definitions.Loaded, error) {
	var files []definitions.File
	for _, path := range d.paths {
		more, err := definitions.ReadPath(path)
		if err != nil {
			return definitions.Loaded{}, fmt.Errorf("load_definitions: %w", err)
		}
		files = append(files, more...)
	}
	if d.url != "" {
		data, err := fetch(ctx, d.url)
		if err != nil {
			return definitions.Loaded{}, fmt.Errorf("definitions.https.url: %w", err)
		}
		files = append(files, definitions.File{Name: d.url, Data: data})
	}
	all, err := definitions.Load(files...)
	if err != nil {
		return definitions.Loaded{}, fmt.Errorf("load_definitions: %w", err)
	}
	return all, nil
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s is answered with %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// openWithDefinitions opens the broker, and imports what there is to load. What
// definitions bring stands in for the defaults, but not for what is configured:
// then there is both.
func (s *server) openWithDefinitions(ctx context.Context) (*broker.Broker, error) {
	load := s.definitions
	if !load.any() {
		return openBroker(s.options)
	}
	all, err := load.read(ctx)
	if err != nil {
		return nil, err
	}
	users := len(all.Users) > 0
	options := s.options
	options.NoDefaultUser = !load.user || !users
	if users && all.MakesVhosts() && !load.user && !load.vhost {
		options.Vhosts = []string{}
	}
	b, err := openBroker(options)
	if err != nil {
		return nil, err
	}
	err = s.importLoaded(b, all)
	if err == nil && !users {
		err = b.AddDefaultUser() // now that there are the vhosts
	}
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("load_definitions: %w", err), b.Shutdown(ctx))
	case !users:
	case load.user:
		s.log.Info().Msgf("the default user '%s' is configured, and definitions have users: both hold", s.options.DefaultUser)
	default:
		s.log.Info().Msg("no default user is made: definitions have users")
	}
	return b, nil
}

func (s *server) importLoaded(b *broker.Broker, all definitions.Loaded) error {
	if s.definitions.skipIfUnchanged && all.Same(b) {
		s.log.Info().Msg("definitions are what they were at the last start: nothing is imported")
		return nil
	}
	passedOver, err := b.Import(all.Definitions, nil)
	if err != nil {
		return err
	}
	if s.definitions.skipIfUnchanged {
		if err := all.Remember(b); err != nil {
			return err
		}
	}
	s.notePassedOver(passedOver)
	if idle := all.Idle(); len(idle) > 0 {
		s.log.Warn().Msgf("parameters of these components are kept, and do nothing: %s", strings.Join(idle, ", "))
	}
	s.log.Info().Msgf("definitions are imported: %d users, %d vhosts", len(all.Users), len(all.Vhosts))
	return nil
}

func (s *server) notePassedOver(objects []string) {
	for _, o := range objects {
		s.log.Warn().Msgf("definitions: passed over %s", o)
	}
}

// exporting returns what writes all definitions, or those of a vhost.
func (s *server) exporting(b *broker.Broker) func(vhost string) ([]byte, error) {
	return func(vhost string) ([]byte, error) {
		return export(b, vhost, definitions.Origin{Version: s.options.Version, Cluster: s.options.ClusterName})
	}
}

// defined has definitions, of some vhosts or of all.
type defined interface {
	Definitions(vhosts ...string) (broker.Definitions, error)
}

func export(b defined, vhost string, from definitions.Origin) ([]byte, error) {
	if vhost == "" {
		d, err := b.Definitions()
		if err != nil {
			return nil, err
		}
		return definitions.Write(d, from)
	}
	d, err := b.Definitions(vhost)
	if err != nil {
		return nil, err
	}
	return definitions.WriteVhost(d.Vhosts[0], from)
}

// importing returns what imports a file that a command brings, for a cluster or
// for a vhost. What it says of a fault names the object.
func (s *server) importing(b *broker.Broker) func(vhost string, data []byte, tell func(done, of int)) error {
	return func(vhost string, data []byte, tell func(done, of int)) error {
		parse := definitions.Parse
		if vhost != "" {
			parse = func(data []byte) (broker.Definitions, error) { return definitions.ParseVhost(data, vhost) }
		}
		d, err := parse(data)
		if err == nil {
			var passedOver []string
			passedOver, err = b.Import(d, tell)
			s.notePassedOver(passedOver)
		}
		if errors.As(err, new(*definitions.ParseError)) || errors.As(err, new(*broker.DefinitionError)) {
			return &control.Error{Kind: control.Invalid, Text: err.Error()}
		}
		return err
	}
}
