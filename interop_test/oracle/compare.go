package oracle

import "strings"

// around is how many equal lines are shown before and after a difference.
const around = 3

// Diff returns how got differs from want, line by line with some lines around,
// or "" if it does not.
func Diff(want, got []string) string {
	lines := edits(want, got)
	shown := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] == ' ' {
			continue
		}
		for j := max(0, i-around); j <= min(len(lines)-1, i+around); j++ {
			shown[j] = true
		}
	}
	var b strings.Builder
	for i, line := range lines {
		if shown[i] {
			b.WriteString(line + "\n")
		} else if i > 0 && shown[i-1] {
			b.WriteString("  ...\n")
		}
	}
	return b.String()
}

// edits writes both texts as one: lines of want only with -, of got only with
// +, of both with a space before them.
func edits(want, got []string) []string {
	common := commonTails(want, got)
	var lines []string
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			lines = append(lines, "  "+want[i])
			i++
			j++
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+want[i])
			i++
		default:
			lines = append(lines, "+ "+got[j])
			j++
		}
	}
	return lines
}

// commonTails has, for every i and j, how many lines the longest common
// subsequence of a[i:] and b[j:] has.
func commonTails(a, b []string) [][]int {
	n := make([][]int, len(a)+1)
	for i := range n {
		n[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	return n
}
