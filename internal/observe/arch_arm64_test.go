package observe_test

import "golang.org/x/sys/unix"

const sysStatAt = unix.SYS_FSTATAT
