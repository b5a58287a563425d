package observe

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h); arguments are read by their lower half, little-endian.
const (
	dataNR   = 0
	dataArch = 4
	dataArgs = 16
)

func dataArg(i uint32) uint32 { return dataArgs + 8*i }

const atFDCWD = 0xffffff9c // AT_FDCWD as the lower half of an argument

// filter is the program that decides which system calls the kernel asks about. Calls that are always allowed cost nothing:
// the kernel keeps a bitmap of them (kernel/seccomp.c, seccomp_cache_prepare).
func filter() []unix.SockFilter {
	f := assembler{}
	f.load(dataArch)
	f.unless(auditArch, notify) // refused, with a message
	f.load(dataNR)
	if x32Bit != 0 {
		f.op(unix.BPF_JMP|unix.BPF_JGE|unix.BPF_K, x32Bit, 0, 1)
		f.ret(notify)
	}
	nrs := make([]uint32, 0, len(refused))
	for nr := range refused {
		nrs = append(nrs, nr)
	}
	slices.Sort(nrs)
	for _, nr := range nrs {
		f.when(nr, unix.SECCOMP_RET_ERRNO|uint32(refused[nr]))
	}
	f.statByFD(sysStatAt, 3)
	f.statByFD(unix.SYS_STATX, 2)
	f.call(unix.SYS_CLONE, func(f *assembler) { // threads are no matter of ours
		f.load(dataArg(0))
		f.flagged(unix.CLONE_THREAD, unix.SECCOMP_RET_ALLOW)
	})
	f.call(unix.SYS_PRCTL, func(f *assembler) {
		f.load(dataArg(0))
		f.when(unix.PR_SET_DUMPABLE, notify)
		f.ret(unix.SECCOMP_RET_ALLOW)
	})
	f.call(unix.SYS_SECCOMP, func(f *assembler) {
		f.load(dataArg(1))
		f.flagged(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, notify)
		f.ret(unix.SECCOMP_RET_ALLOW)
	})
	for _, c := range calls() {
		f.when(c.nr, notify)
	}
	f.ret(unix.SECCOMP_RET_ALLOW)
	return f.code
}

const notify = unix.SECCOMP_RET_USER_NOTIF

// assembler writes classic BPF.
type assembler struct{ code []unix.SockFilter }

func (f *assembler) op(code uint16, k uint32, yes, no uint8) {
	f.code = append(f.code, unix.SockFilter{Code: code, Jt: yes, Jf: no, K: k})
}

func (f *assembler) load(offset uint32) { f.op(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset, 0, 0) }
func (f *assembler) ret(action uint32)  { f.op(unix.BPF_RET|unix.BPF_K, action, 0, 0) }

// when returns action if the loaded word is k, unless if it is not, flagged if it has one of the bits.
func (f *assembler) when(k, action uint32) {
	f.op(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, k, 0, 1)
	f.ret(action)
}

func (f *assembler) unless(k, action uint32) {
	f.op(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, k, 1, 0)
	f.ret(action)
}

func (f *assembler) flagged(bits, action uint32) {
	f.op(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, bits, 0, 1)
	f.ret(action)
}

// call adds instructions for one system call, after which the kernel asks about it.
func (f *assembler) call(nr uint32, then func(*assembler)) {
	body := assembler{}
	then(&body)
	body.ret(notify)
	f.op(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, nr, 0, uint8(len(body.code)))
	f.code = append(f.code, body.code...)
}

// statByFD lets fstat pass as C libraries write it: a descriptor, an empty path and AT_EMPTY_PATH.
func (f *assembler) statByFD(nr uint32, flags uint32) {
	f.call(nr, func(f *assembler) {
		f.load(dataArg(0))
		f.when(atFDCWD, notify)
		f.load(dataArg(flags))
		f.flagged(unix.AT_EMPTY_PATH, unix.SECCOMP_RET_ALLOW)
	})
}
