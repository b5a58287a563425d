package Tea::Job::Json;
use v5.36;
use utf8;

sub run ($class, $request) {
    require JSON::PP;
    my $json = JSON::PP->new->canonical->ascii;
    my $body = $request->content ? $json->decode($request->content) : {};
    return $json->encode({%$body, price => 2.5, list => [1, undef, JSON::PP::true()]});
}

1;
