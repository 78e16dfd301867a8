// Package expression has the regular expressions of policies and permissions.
package expression

import (
	"regexp"
	"strings"
)

// Expression is a regular expression of a policy or a permission (POL-07,
// PERM-01): one of package regexp, which takes time in proportion to a name. Besides, it may look ahead at
// the very beginning of a name, as many policies do that spare amq.*:
// ^(?!amq\.).* is ^.* where ^amq\. is not. It never changes.
type Expression struct {
	found *regexp.Regexp
	ahead []ahead
}

// ahead is what is to be found, or not to be found, at the beginning of a name.
type ahead struct {
	found *regexp.Regexp
	not   bool
}

// Compile reads an expression. The error is that of package regexp.
func Compile(text string) (*Expression, error) {
	if e := compileAhead(text); e != nil {
		return e, nil
	}
	found, err := regexp.Compile(text)
	return &Expression{found: found}, err
}

// Fits tells whether the expression is found in a name.
func (e *Expression) Fits(name string) bool {
	for _, a := range e.ahead {
		if a.found.MatchString(name) == a.not {
			return false
		}
	}
	return e.found.MatchString(name)
}

// longestAhead bounds an expression that looks ahead, of which much is read more
// than once.
const longestAhead = 1 << 10

// compileAhead reads one that begins with ^ and looks ahead there; nil if it is
// none.
func compileAhead(text string) *Expression {
	e := new(Expression)
	rest, ok := strings.CutPrefix(text, "^")
	ok = ok && len(text) <= longestAhead
	for ok && (strings.HasPrefix(rest, "(?!") || strings.HasPrefix(rest, "(?=")) {
		a := ahead{not: rest[2] == '!'}
		if a.found, rest = cutGroup(rest[len("(?!"):]); a.found == nil {
			return nil
		}
		e.ahead = append(e.ahead, a)
	}
	if len(e.ahead) == 0 || hasBranches(rest) || strings.IndexAny(rest, "*+?{") == 0 {
		return nil // it looks ahead elsewhere, or not in all cases
	}
	var err error
	if e.found, err = regexp.Compile("^" + rest); err != nil {
		return nil
	}
	return e
}

// cutGroup reads what is in a group up to its end, and returns what follows it: the
// first parenthesis before which is an expression of its own.
func cutGroup(text string) (inside *regexp.Regexp, rest string) {
	for i, c := range text {
		if c != ')' {
			continue
		}
		if inside, err := regexp.Compile("^(?:" + text[:i] + ")"); err == nil {
			return inside, text[i+1:]
		}
	}
	return nil, ""
}

// hasBranches tells whether there is a | outside of all groups: there is an
// expression on either side of it.
func hasBranches(text string) bool {
	for i, c := range text {
		if c != '|' {
			continue
		}
		_, before := regexp.Compile(text[:i])
		_, after := regexp.Compile(text[i+1:])
		if before == nil && after == nil {
			return true
		}
	}
	return false
}
