package crash

import "fmt"

// changed finds names whose value after a start is neither what was
// acknowledged nor, of a change that was under way, all old or all new.
func changed(b *book) (faults []string) {
	t := topology{values: map[string]string{}, doubts: map[string]*doubt{}, open: map[uint64]*doubt{}}
	for _, e := range b.events {
		switch e.Kind {
		case change:
			t.begin(e)
		case done:
			t.end(e.Unit)
		case seen:
			for _, f := range e.Effects {
				if fault := t.see(f); fault != "" {
					faults = append(faults, fmt.Sprintf("in life %d, %s", e.Life, fault))
				}
			}
		case publish, commit, confirm, deliver, settle, requeue, fence, leave, decline, refuse, laid:
		}
	}
	return faults
}

// topology is what is known of all names.
type topology struct {
	values map[string]string // as acknowledged, or seen
	open   map[uint64]*doubt // changes without an answer
	doubts map[string]*doubt // the one of them that a name is in
}

// doubt is a change that was not acknowledged.
type doubt struct {
	event
	before map[string]string
	known  bool // whether it has happened is known: kept
	kept   bool
	by     string // the name that told it
}

func (t *topology) begin(e event) {
	d := &doubt{event: e, before: map[string]string{}}
	t.open[e.Unit] = d
	for _, f := range e.Effects {
		d.before[f.Name] = t.values[f.Name]
		t.doubts[f.Name] = d
	}
}

func (t *topology) end(unit uint64) {
	d := t.open[unit]
	if d == nil {
		return
	}
	delete(t.open, unit)
	for _, f := range d.Effects {
		t.values[f.Name] = f.Value
		delete(t.doubts, f.Name)
	}
}

// see compares a value with what may be.
func (t *topology) see(f effect) (fault string) {
	want := t.values[f.Name]
	if d := t.doubts[f.Name]; d != nil {
		want = d.resolve(f)
		if d.known && want != f.Value {
			fault = fmt.Sprintf("%s is %q, but from %s the change it was in is known to have happened: %v", f.Name, f.Value, d.by, d.kept)
		}
		delete(t.doubts, f.Name)
	}
	t.values[f.Name] = f.Value
	if fault == "" && want != f.Value {
		fault = fmt.Sprintf("%s is %q, want %q", f.Name, f.Value, want)
	}
	return fault
}

// resolve returns what a name should be, which may tell whether the change has
// happened.
func (d *doubt) resolve(f effect) (want string) {
	before, after := d.before[f.Name], ""
	for _, e := range d.Effects {
		if e.Name == f.Name {
			after = e.Value
		}
	}
	switch {
	case before == after:
		return after
	case !d.known && (f.Value == before || f.Value == after):
		d.known, d.kept, d.by = true, f.Value == after, f.Name
		return f.Value
	case d.known && !d.kept:
		return before
	default:
		return after
	}
}
