// Package condition parses, checks and evaluates run conditions (contract section 7): a tree of groups and rules over
// the values of a run. A tree that was parsed is checked, immutable and safe for concurrent use; evaluation is pure, total,
// and linear in the size of the tree and of the values that it looks at.
package condition
