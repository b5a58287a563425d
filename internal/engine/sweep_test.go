package engine_test

func childBuild([]string) error { return nil }
