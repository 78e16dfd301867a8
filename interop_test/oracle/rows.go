package oracle

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Rows is the account of the compatibility rows: every row of the areas in
// scope is shown by a scenario or has the reason why not.
type Rows struct {
	// Areas has the number of rows of each area, by its name.
	Areas map[string]int
	// Shown has the rows that scenarios show.
	Shown map[string]bool
	// Reasons has the reason of every other row.
	Reasons map[string]string
}

// LoadRows reads the account in the file at path. A line is
//
//	area NAME COUNT
//	ROW shown
//	ROW not shown: REASON
//
// or a comment.
func LoadRows(path string) (*Rows, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Rows{Areas: map[string]int{}, Shown: map[string]bool{}, Reasons: map[string]string{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := r.add(line); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return r, nil
}

func (r *Rows) add(line string) error {
	words := strings.Fields(line)
	if words[0] == "area" && len(words) == 3 {
		n, err := strconv.Atoi(words[2])
		r.Areas[words[1]] = n
		return err
	}
	row, rest, _ := strings.Cut(line, " ")
	if !rowID.MatchString(row) || r.Shown[row] || r.Reasons[row] != "" {
		return fmt.Errorf("no row, or there twice: %s", line)
	}
	if rest == "shown" {
		r.Shown[row] = true
		return nil
	}
	reason, ok := strings.CutPrefix(rest, "not shown: ")
	if !ok {
		return fmt.Errorf("neither shown nor a reason: %s", line)
	}
	r.Reasons[row] = reason
	return nil
}
