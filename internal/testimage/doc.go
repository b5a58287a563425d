// Package testimage holds what tests and the demonstration need around images: base images and a loopback registry
// that serves them, images, layers and trees written as values, hostile images, and [Need], which says what a test
// asks of the machine.
//
// Base images come from OCI image layouts, whose manifests carry the full reference they stand for
// ("docker.io/library/debian:bookworm-slim") in the annotation org.opencontainers.image.ref.name. Two places are
// looked at: a directory of ready ones ([Shared]) and the ones assembled on this machine ([Cache]).
package testimage
