#!/usr/bin/perl
# A small web service. What each job needs is loaded when it is asked for.
use v5.36;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Daemon;
use HTTP::Response;
use HTTP::Status;

$| = 1;
$SIG{TERM} = sub { say "stopped by SIGTERM"; exit 0 };
my $server = HTTP::Daemon->new(LocalAddr => '0.0.0.0', LocalPort => 8080, ReuseAddr => 1) or die "cannot listen: $!";
say "listening on port 8080";

while (my $client = $server->accept) {
    while (my $request = $client->get_request) {
        my ($job) = $request->uri->path =~ m{^/(\w*)$};
        my ($code, $text) = (200, "Hello from Perl\n");
        if (!defined $job) {
            ($code, $text) = (404, "no such page\n");
        }
        elsif ($job) {
            # A module found by a computed name; one that is not there is no such page.
            my $module = 'Tea::Job::' . ucfirst $job;
            if (eval "require $module; 1") {
                $text = eval { $module->run($request) . "\n" } // do { $code = 500; $@ };
            }
            else {
                ($code, $text) = (404, $@);
            }
        }
        utf8::encode($text) if utf8::is_utf8($text);
        $client->send_response(HTTP::Response->new($code, status_message($code), ['Content-Type' => 'text/plain; charset=utf-8', Connection => 'close'], $text));
        last;
    }
    $client->close;
}
