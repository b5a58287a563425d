package embedded

import (
	"context"
	"errors"
	"net"

	"github.com/moby/buildkit/session"
	"google.golang.org/grpc/test/bufconn"
)

// sessions connects a client's sessions, by which the engine reads what the client has, with the engine's manager of these. A client of a
// daemon has a session's connection within a stream of its own connection: each byte of a layer passes through gRPC twice then, which
// makes 2.6 bytes of garbage of it instead of 1.4.
type sessions struct {
	ctx     context.Context // the engine's
	manager *session.Manager
}

// sessionBuffer is how many bytes may be under way in each direction.
const sessionBuffer = 256 << 10

// dial is for client.WithSessionDialer.
func (s *sessions) dial(ctx context.Context, _ string, meta map[string][]string) (net.Conn, error) {
	lis := bufconn.Listen(sessionBuffer)
	defer lis.Close() // one connection is all
	type accepted struct {
		conn net.Conn
		err  error
	}
	there := make(chan accepted, 1)
	go func() {
		conn, err := lis.Accept()
		there <- accepted{conn, err}
	}()
	here, err := lis.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	got := <-there
	if got.err != nil {
		return nil, errors.Join(got.err, here.Close())
	}
	life, end := context.WithCancel(s.ctx)
	go func() {
		defer end()
		defer got.conn.Close()
		_ = s.manager.HandleConn(life, got.conn, meta) // it ends with the session, or the session's owner finds it closed
	}()
	return ended{here, end}, nil
}

// ended tells when a connection is closed: the manager itself would wait for a health check to fail.
type ended struct {
	net.Conn
	end func()
}

func (c ended) Close() error {
	c.end()
	return c.Conn.Close()
}
