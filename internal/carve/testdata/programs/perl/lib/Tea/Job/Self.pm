package Tea::Job::Self;
use v5.36;
use utf8;

# A server in a child, asked over the network.
sub run ($class, $request) {
    require IO::Socket::INET;
    require HTTP::Tiny;
    my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "cannot listen: $!";
    my $port  = $other->sockport;
    my $pid   = fork // die "cannot fork: $!";
    if (!$pid) {
        my $c = $other->accept;
        sysread $c, my $line, 4096;
        print $c "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhush";
        close $c;
        require POSIX;
        POSIX::_exit(0);
    }
    my $answer = HTTP::Tiny->new(timeout => 5)->get("http://localhost:$port/");
    waitpid $pid, 0;
    return "$answer->{status} $answer->{content}";
}

1;
