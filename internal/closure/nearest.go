package closure

// Steps is how many steps it is from path back to the evidence, by the shortest way; 0 when path does not stay, or nothing leads to it.
func (k *Keep) Steps(path string) int {
	k.measure()
	return k.steps[path]
}

// Nearest returns, of the reasons why path stays, the one from which it is the fewest steps to the evidence. Chains of those have an end, while
// things that need each other may each have come by the other first.
func (k *Keep) Nearest(path string) Reason {
	k.measure()
	n := k.nodes[path]
	if n == nil {
		return Reason{}
	}
	best, least := n.reasons[0], 0
	for _, r := range n.reasons {
		if r.By == "" {
			return r
		}
		if s := k.steps[r.By]; s > 0 && (least == 0 || s < least) {
			best, least = r, s
		}
	}
	return best
}

// measure counts the steps from the evidence to everything that stays. It is called when nothing comes in any more.
func (k *Keep) measure() {
	if k.steps != nil {
		return
	}
	k.steps = make(map[string]int, len(k.nodes))
	brings := map[string][]string{}
	var next []string
	for p, n := range k.nodes {
		for _, r := range n.reasons {
			if r.By != "" {
				brings[r.By] = append(brings[r.By], p)
			} else if k.steps[p] == 0 {
				k.steps[p] = 1
				next = append(next, p)
			}
		}
	}
	for steps := 2; len(next) > 0; steps++ {
		from := next
		next = nil
		for _, by := range from {
			for _, p := range brings[by] {
				if k.steps[p] == 0 {
					k.steps[p] = steps
					next = append(next, p)
				}
			}
		}
	}
}
