package Tea::Job::System;
use v5.36;
use utf8;

sub run ($class, $request) {
    my $user = getpwuid $<;
    my $said = `sh -c 'echo tea | tr a-z A-Z'`;
    chomp $said;
    my $pid = fork // die "cannot fork: $!";
    if (!$pid) {
        require POSIX;
        POSIX::_exit(7);
    }
    waitpid $pid, 0;
    my $code = $? >> 8;
    require Socket;
    my $address = Socket::inet_ntoa(scalar gethostbyname 'localhost');
    open my $old, '-|', $^X, '-MConfig', '-e', 'print $Config{archname}' or die "cannot run $^X: $!";
    return join ' ', $user, $said, $code, $address, scalar <$old>, scalar getservbyname('http', 'tcp'), -w '/tmp' ? 'writable' : 'fixed';
}

1;
