package embedded

import (
	"time"

	"github.com/moby/buildkit/client"
	"golang.org/x/sys/unix"
)

// gcPolicy keeps the state below a fifth of its file system (at least 10 GB) and leaves a tenth of it free.
// What is cheap to make again (contexts, git checkouts) goes first.
func gcPolicy(state string) []client.PruneInfo {
	limit := int64(10 << 30)
	free := int64(0)
	var st unix.Statfs_t
	if unix.Statfs(state, &st) == nil {
		total := int64(st.Blocks) * st.Bsize
		limit = max(limit, total/5)
		free = total / 10
	}
	return []client.PruneInfo{
		{Filter: []string{"type==source.local", "type==source.git.checkout"}, KeepDuration: 48 * time.Hour, MaxUsedSpace: limit / 4},
		{KeepDuration: 60 * 24 * time.Hour, ReservedSpace: limit / 2, MaxUsedSpace: limit, MinFreeSpace: free},
		{ReservedSpace: limit / 2, MaxUsedSpace: limit, MinFreeSpace: free},
		{All: true, ReservedSpace: limit / 2, MaxUsedSpace: limit, MinFreeSpace: free},
	}
}
