package oracle

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A Script is one file of scenarios, with everything between them.
type Script struct {
	// Preamble is the text before the first scenario.
	Preamble []string
	// Scenarios are in the order of the file.
	Scenarios []*Scenario
}

// A Scenario is a short exchange that shows one or more rows of the
// compatibility list.
type Scenario struct {
	// Rows are the compatibility rows that the scenario shows.
	Rows []string
	// Title says in words what is shown. Rows and title are unique together.
	Title string
	// Slow scenarios wait for seconds; a short run leaves them out.
	Slow bool
	// Steps are the lines of the scenario in order.
	Steps []Step
}

// A Step is one line of a scenario and what was answered to it.
type Step struct {
	// Line is the line as written: an order, a comment or empty.
	Line string
	// Answer is what the broker sent before the next step, normalised.
	Answer []string
}

const (
	headMark   = "=== "
	answerMark = "    < "
)

// Name is the name of the scenario: the rows that it shows and its title.
func (s *Scenario) Name() string { return strings.Join(s.Rows, " ") + " " + s.Title }

// Order reports whether the step asks for something.
func (st Step) Order() bool {
	return st.Line != "" && !strings.HasPrefix(st.Line, "#") && st.Line != "slow"
}

// Answers returns the answers of all steps, each step's after its line.
func (s *Scenario) Answers() []string {
	var lines []string
	for _, st := range s.Steps {
		if !st.Order() {
			continue
		}
		lines = append(lines, st.Line)
		for _, a := range st.Answer {
			lines = append(lines, answerMark+a)
		}
	}
	return lines
}

// Load reads the script in the file at path.
func Load(path string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	script, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return script, nil
}

// Parse reads a script.
func Parse(text string) (*Script, error) {
	script := &Script{}
	var last *Scenario
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, headMark):
			s, err := parseHead(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			last = s
			script.Scenarios = append(script.Scenarios, s)
		case last == nil:
			script.Preamble = append(script.Preamble, line)
		default:
			if err := last.add(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
		}
	}
	return script, nil
}

var rowID = regexp.MustCompile(`^[A-Z]+-[0-9]{2}$`)

func parseHead(line string) (*Scenario, error) {
	words := strings.Fields(strings.TrimPrefix(line, headMark))
	n := 0
	for n < len(words) && rowID.MatchString(words[n]) {
		n++
	}
	if n == 0 || n == len(words) {
		return nil, fmt.Errorf("a scenario begins with its rows and a title: %s", line)
	}
	return &Scenario{Rows: words[:n], Title: strings.Join(words[n:], " ")}, nil
}

func (s *Scenario) add(line string) error {
	if answer, ok := strings.CutPrefix(line, answerMark); ok {
		if len(s.Steps) == 0 {
			return fmt.Errorf("an answer to nothing: %s", line)
		}
		st := &s.Steps[len(s.Steps)-1]
		st.Answer = append(st.Answer, answer)
		return nil
	}
	line = strings.TrimSpace(line)
	s.Slow = s.Slow || line == "slow"
	s.Steps = append(s.Steps, Step{Line: line})
	return nil
}

// Text is the script as it stands in its file.
func (sc *Script) Text() []byte {
	var b bytes.Buffer
	for _, line := range sc.Preamble {
		fmt.Fprintln(&b, line)
	}
	for _, s := range sc.Scenarios {
		fmt.Fprintln(&b, headMark+s.Name())
		for _, st := range s.Steps {
			fmt.Fprintln(&b, st.Line)
			for _, a := range st.Answer {
				fmt.Fprintln(&b, answerMark+a)
			}
		}
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}
