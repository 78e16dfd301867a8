// Package archtest holds the rules of the source tree that a reviewer would
// otherwise have to remember: who may import whom, which files stay pure, how
// large things grow, that exported names are explained, that nothing is polled
// and that goroutines stay few. It has tests only.
//
// A rule is a function from source files to findings. TestTree runs every rule
// on the tree, and TestRulesBite shows each rule a fault that it must find.
package archtest
