package observe

import "golang.org/x/sys/unix"

const (
	auditArch   = unix.AUDIT_ARCH_AARCH64
	addressMask = 1<<56 - 1 // the top byte may be a tag (Documentation/arch/arm64/tagged-address-abi.rst)
	sysStatAt   = unix.SYS_FSTATAT
	x32Bit      = 0         // no such ABI
	sysVfork    = 1<<32 - 1 // neither
)

func archCalls() []call {
	return []call{
		pathAt(unix.SYS_FSTATAT, 0, 1, Stat),
		{nr: unix.SYS_RENAMEAT, paths: []pathArg{{0, 1, Write}, {2, 3, Write}}},
	}
}
