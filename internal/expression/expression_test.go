package expression

import "testing"

// What Perl's expressions find in these names, by POL-07 and PERM-01.
func TestExpressionsMayLookAheadAtTheBeginning(t *testing.T) {
	for text, names := range map[string]map[string]bool{
		`^(?!amq\.).*`:           {"orders": true, "amq.gen-1": false, "amqp": true, "": true, "an amq.x": true},
		`^(?!amq\.)`:             {"orders": true, "amq.gen-1": false},
		`^(?!a|b)[a-z]+$`:        {"c": true, "a": false, "bc": false, "C": false},
		`^(?!amq\.)(?!tmp-).+`:   {"orders": true, "amq.x": false, "tmp-1": false, "": false},
		`^(?=x)(?!xy).*z$`:       {"xz": true, "xyz": false, "yz": false, "xa": false},
		`^(?!(a|b)c)[a-c]`:       {"ac": false, "bc": false, "cc": true, "ab": true},
		`^(?![)a]\)).`:           {"a)": false, "))": false, "ab": true, "b)": true},
		`^(?!amq\.)(one|two)\|$`: {"one|": true, "two|": true, "three|": false, "one": false},
		`^(?!.*\.dead$)shop\.`:   {"shop.new": true, "shop.dead": false, "other.new": false},
		`amq`:                    {"an amq": true, "a": false},
	} {
		e, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for name, want := range names {
			if got := e.Fits(name); got != want {
				t.Errorf("%s in %q: got %t", text, name, got)
			}
		}
	}
}

// Elsewhere it would take a way back; and of some it is not clear what they are about.
func TestExpressionsThatLookAheadElsewhereAreRefused(t *testing.T) {
	for _, text := range []string{
		`(?!a)b`, `a(?!b)`, `^a(?!b)`, `^(?!a)b|c`, `^(?!a)b|^c`, `^(?!a)|c`, `^(?!a)*b`, `^(?!a){2}b`, `^(?!a`, `^(?!(a)b`, `^(?<!a)b`, `^(?!a)b(?!c)`,
		`^(?!(a)\1)b`, `^(?!a)(b`, `(?i)^(?!a)b`, `^(?!a)b)c`,
	} {
		if _, err := Compile(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
