package oracle

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Deviation says where leveret answers a scenario in another way than
// RabbitMQ, and why.
type Deviation struct {
	// Scenario is the scenario's name.
	Scenario string
	// Why is the reason, in words.
	Why string
	// Hunks are the places: lines of the transcript, and what stands there
	// instead.
	Hunks []Hunk
}

// A Hunk is a run of transcript lines and what replaces it.
type Hunk struct{ Old, New []string }

// LoadDeviations reads the deviations in the file at path, by scenario.
func LoadDeviations(path string) (map[string]Deviation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]Deviation{}
	for _, section := range strings.Split("\n"+string(text), "\n"+headMark)[1:] {
		d, err := parseDeviation(section)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if _, twice := all[d.Scenario]; twice {
			return nil, fmt.Errorf("%s: %s stands there twice", path, d.Scenario)
		}
		all[d.Scenario] = d
	}
	return all, nil
}

func parseDeviation(section string) (Deviation, error) {
	lines := strings.Split(strings.TrimRight(section, "\n"), "\n")
	d := Deviation{Scenario: lines[0]}
	var h Hunk
	for _, line := range append(lines[1:], "") {
		switch {
		case line == "":
			if len(h.Old) > 0 {
				d.Hunks = append(d.Hunks, h)
			}
			h = Hunk{}
		case strings.HasPrefix(line, "- "):
			h.Old = append(h.Old, line[2:])
		case strings.HasPrefix(line, "+ "):
			h.New = append(h.New, line[2:])
		case strings.HasPrefix(line, "  "):
			h.Old, h.New = append(h.Old, line[2:]), append(h.New, line[2:])
		default:
			d.Why = strings.TrimSpace(d.Why + " " + line)
		}
	}
	if d.Why == "" || len(d.Hunks) == 0 {
		return d, fmt.Errorf("%s lacks a reason or a difference", d.Scenario)
	}
	return d, nil
}

// Apply puts the deviation into RabbitMQ's transcript.
func (d Deviation) Apply(lines []string) ([]string, error) {
	lines = slices.Clone(lines)
	at := 0
	for _, h := range d.Hunks {
		i := indexLines(lines[at:], h.Old)
		if i < 0 {
			return nil, fmt.Errorf("%s: the transcript has no %q", d.Scenario, h.Old)
		}
		lines = slices.Replace(lines, at+i, at+i+len(h.Old), h.New...)
		at += i + len(h.New)
	}
	return lines, nil
}

func indexLines(lines, part []string) int {
	for i := 0; i+len(part) <= len(lines); i++ {
		if slices.Equal(lines[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}
